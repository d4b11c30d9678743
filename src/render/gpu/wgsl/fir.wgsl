// The low-pass after a transposed convolution (parts of its depth are summed on the way), then the end.
//% include each.wgsl
@group(0) @binding(1) var<storage, read> raw: array<f32>;

fn total(channel: u32, pixel: u32) -> f32 {
    let plane = (channel - p.first) * p.raw_pitch;
    let y = i32(pixel / p.out_width) - p.low;
    let x = i32(pixel % p.out_width) - p.low;
    var sum = 0.0;
    for (var a = max(0, -y); a < min(p.length, i32(p.raw_height) - y); a += 1) {
        for (var b = max(0, -x); b < min(p.length, i32(p.raw_width) - x); b += 1) {
            var at = plane + u32(y + a) * p.raw_width + u32(x + b);
            var value = raw[at];
            for (var part = 1u; part < p.splits; part += 1u) {
                at += p.raw_channels * p.raw_pitch;
                value += raw[at];
            }
            sum = fma(value, consts[p.taps + u32(a * p.length + b)], sum);
        }
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) me: u32,
) {
    let at = place(group, groups, me);
    if (at.seen) {
        put(at.channel, at.pixel, vec2<f32>(total(at.channel, at.pixel), total(at.channel, at.pixel + 1u)));
    }
}
