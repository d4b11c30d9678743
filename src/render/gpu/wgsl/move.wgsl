// Pixels that move: 0 nearest neighbours, 1 channels to squares, 2 squares to channels.  And, without moving, sums of parts.
//% include each.wgsl
@group(0) @binding(1) var<storage, $access> x: array<$element>;
//% include load.wgsl name=x

fn moved(channel: u32, pixel: u32) -> f32 {
    let y = pixel / p.out_width;
    let column = pixel % p.out_width;
    let f = p.factor;
    var source = vec3<u32>(channel, y / f, column / f);
    if (p.mode == 1u) {
        source.x = channel * f * f + (y % f) * f + column % f;
    }
    if (p.mode == 2u) {
        source = vec3<u32>(channel / (f * f), y * f + channel / f % f, column * f + channel % f);
    }
    return load_x(p.x + (source.x - p.x_first) * p.x_pitch + source.y * p.x_width + source.z);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) me: u32,
) {
    let at = place(group, groups, me);
    if (at.seen) {
        put(at.channel, at.pixel, vec2<f32>(moved(at.channel, at.pixel), moved(at.channel, at.pixel + 1u)));
    }
}
