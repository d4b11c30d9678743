// The end of a convolution (`network::Finish`), and the store.  `at` counts from the dispatch's first output channel.
@group(0) @binding(4) var<storage, read_write> out: array<$element>;
@group(0) @binding(6) var<storage, read> noise: array<f32>;
@group(0) @binding(7) var<storage, $access> a0: array<$element>;
@group(0) @binding(8) var<storage, $access> a1: array<$element>;

//% include load.wgsl name=out
//% include load.wgsl name=a0
//% include load.wgsl name=a1

fn finished(channel: u32, pixel: u32, at: u32, sum: f32) -> f32 {
    var v = sum * frame[p.scale + channel];
    if (p.strength != NONE) {
        v = v + noise[pixel] * frame[p.strength];
    }
    if (p.bias != NONE) {
        v = v + consts[p.bias + channel];
    }
    switch p.activation {
        case 1u: {
            v = select(v, v * consts[p.slopes + channel], v < 0.0);
        }
        case 2u: {
            // Beyond 9 it is 1 to the last bit, and drivers divide infinities.
            v = tanh(clamp(v, -10.0, 10.0));
        }
        default: {
            v = select(v, v * p.slope, v < 0.0);
        }
    }
    v = clamp(v * p.gain, -p.clamp, p.clamp);
    if (p.keep != 0.0) {
        v = v + load_out(p.out + at) * p.keep;
    }
    if (p.adds > 0u) {
        v = v + load_a0(p.a0 + at) * p.share0;
    }
    if (p.adds > 1u) {
        v = v + load_a1(p.a1 + at) * p.share1;
    }
    return v;
}

// Two adjacent pixels; the first has an even number.
fn put(channel: u32, pixel: u32, sums: vec2<f32>) {
    let at = (channel - p.first) * p.out_pitch + pixel;
    let last = pixel + 1u >= p.out_height * p.out_width;
    let a = finished(channel, pixel, at, sums.x);
    var b = 0.0;
    if (!last) {
        b = finished(channel, pixel + 1u, at + 1u, sums.y);
    }
//% if half
    // Every channel has an even number of places.
    out[(p.out + at) >> 1u] = pack2x16float(clamp(vec2<f32>(a, b), vec2<f32>(-65504.0), vec2<f32>(65504.0)));
//% else
    out[p.out + at] = a;
    if (!last) {
        out[p.out + at + 1u] = b;
    }
//% end
}
