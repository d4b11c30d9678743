// The first half of StyleGAN3's filtered activation: bias, widening, leaky ReLU, gain, clamp.
//% include params
@group(0) @binding(1) var<storage, read> x: array<$element>;
@group(0) @binding(4) var<storage, read_write> raw: array<f32>;
@group(0) @binding(5) var<storage, read> consts: array<f32>;
//% include load.wgsl name=x
//% include resample.wgsl

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) me: u32,
) {
    let count = p.last - p.first;
    let channel = group.y % count;
    let place = (group.x + groups.x * (group.y / count)) * 64u + me;
    if (place < p.raw_height * p.raw_width) {
        let bias = consts[p.bias + p.first + channel];
        let v = widened(p.x + channel * p.x_pitch, place / p.raw_width, place % p.raw_width, bias);
        raw[channel * p.raw_pitch + place] = clamp(select(v, v * p.slope, v < 0.0) * p.gain, -p.clamp, p.clamp);
    }
}
