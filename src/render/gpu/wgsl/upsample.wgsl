// Pictures are widened and added to what there is.
//% include each.wgsl
@group(0) @binding(1) var<storage, $access> x: array<$element>;
//% include load.wgsl name=x
//% include resample.wgsl

fn total(channel: u32, pixel: u32) -> f32 {
    let plane = p.x + (channel - p.first) * p.x_pitch;
    return widened(plane, pixel / p.out_width, pixel % p.out_width, 0.0);
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
