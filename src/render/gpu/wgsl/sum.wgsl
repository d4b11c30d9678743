// The second pass of a convolution whose depth was split: parts in order, then the end.
//% include each.wgsl
@group(0) @binding(1) var<storage, read> raw: array<f32>;

fn total(channel: u32, pixel: u32) -> f32 {
    var at = (channel - p.first) * p.raw_pitch + pixel;
    var sum = 0.0;
    for (var part = 0u; part < p.splits; part += 1u) {
        sum += raw[at];
        at += p.raw_channels * p.raw_pitch;
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
