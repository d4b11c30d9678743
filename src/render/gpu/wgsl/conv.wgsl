// Names that both convolutions share.
//% include params
@group(0) @binding(1) var<storage, $access> x: array<$element>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> frame: array<f32>;
//% if raw
@group(0) @binding(4) var<storage, read_write> raw: array<f32>;
//% else
@group(0) @binding(5) var<storage, read> consts: array<f32>;
//% include finish.wgsl
//% end
//% include load.wgsl name=x
//% include walk.wgsl
