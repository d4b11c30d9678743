// The second half of StyleGAN3's filtered activation: low-pass and thin out.
//% include each.wgsl
@group(0) @binding(1) var<storage, read> raw: array<f32>;

fn total(channel: u32, pixel: u32) -> f32 {
    let y = (pixel / p.out_width) * p.down;
    let x = (pixel % p.out_width) * p.down;
    var line = (channel - p.first) * p.raw_pitch + y * p.raw_width + x;
    var tap = p.taps;
    var sum = 0.0;
    for (var a = 0; a < p.length; a += 1) {
        for (var b = 0u; b < u32(p.length); b += 1u) {
            sum = fma(raw[line + b], consts[tap + b], sum);
        }
        line += p.raw_width;
        tap += u32(p.length);
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
