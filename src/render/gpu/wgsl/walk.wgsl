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

//% if raw
// Sums before the end, by part of the depth and output channel.
fn keep(chunk: u32, phase: u32, channel: u32, place: u32, sum: f32) {
    let start = (chunk * p.raw_channels + channel - p.first) * p.raw_pitch;
//% if up
    let y = 2u * (place / p.columns) + (phase >> 1u);
    let x = 2u * (place % p.columns) + (phase & 1u);
    if (y < p.raw_height && x < p.raw_width) {
        raw[start + y * p.raw_width + x] = sum;
    }
//% else
    raw[start + place] = sum;
//% end
}
//% end
