// Which taps of the kernel a workgroup walks over, and where they read.
struct Walk {
    taps: u32,
    // Taps in a row of the kernel.
    row: u32,
    // The first tap's place, and the step from one to the next.
    start: i32,
    step: i32,
    // Taps of the phases before this one.
    before: u32,
    all: u32,
}

fn walk(phase: u32) -> Walk {
//% if up
    // u[2i + p] is fed by the taps 0 and 2 of x[i] and x[i - 1] where p is 0, and by the tap 1 of x[i] where p is 1.
    let rows = 2u - (phase >> 1u);
    let row = 2u - (phase & 1u);
    var before = array<u32, 4>(0u, 4u, 6u, 8u);
    return Walk(rows * row, row, 0, -1, before[phase], 9u);
//% else
    let all = p.kernel * p.kernel;
    return Walk(all, p.kernel, -i32(p.pad), 1, 0u, all);
//% end
}

// Where the sum of a place is kept; NONE: nowhere.
fn spot(phase: u32, place: u32) -> u32 {
    if (place >= p.rows * p.columns) {
        return NONE;
    }
//% if up
    let y = 2u * (place / p.columns) + (phase >> 1u);
    let x = 2u * (place % p.columns) + (phase & 1u);
    return select(NONE, y * p.raw_width + x, y < p.raw_height && x < p.raw_width);
//% else
    return place;
//% end
}

// The sums of two adjacent places, where they are somebody's.
fn end(chunk: u32, channel: u32, spots: vec2<u32>, sums: vec2<f32>) {
    if (channel < p.first || channel >= p.last) {
        return;
    }
//% if raw
    // By part of the depth and output channel; the end comes later.
    let start = (chunk * p.raw_channels + channel - p.first) * p.raw_pitch;
    if (spots.x != NONE) {
        raw[start + spots.x] = sums.x;
    }
    if (spots.y != NONE) {
        raw[start + spots.y] = sums.y;
    }
//% else
    if (spots.x != NONE) {
        put(channel, spots.x, sums);
    }
//% end
}
