// Kernels with an invocation per two adjacent pixels of a channel.
//% include params
@group(0) @binding(3) var<storage, read> frame: array<f32>;
@group(0) @binding(5) var<storage, read> consts: array<f32>;
//% include finish.wgsl

// The output channel and the first pixel; pixels behind the last one are nobody's.
struct Place {
    channel: u32,
    pixel: u32,
    seen: bool,
}

fn place(group: vec3<u32>, groups: vec3<u32>, me: u32) -> Place {
    let count = p.last - p.first;
    let pixel = 2u * ((group.x + groups.x * (group.y / count)) * 64u + me);
    return Place(p.first + group.y % count, pixel, pixel < p.out_height * p.out_width);
}
