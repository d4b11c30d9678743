// A convolution as a product of matrices: $bo output channels by $bp positions a workgroup, 8 by 8 an invocation; slices
// of $depth products (kernel position, input channel) lie in shared memory, inputs scaled by the style on the way.
//% include conv.wgsl

var<workgroup> ws: array<vec4<f32>, $(depth*bo/4)>;
var<workgroup> xs: array<f32, $(depth*bp)>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) me: u32,
) {
    let panel = group.y % p.panels;
    let tile = (group.x + groups.x * (group.y / p.panels)) * $(bp)u;
//% if up
    let phase = group.z & 3u;
    let chunk = p.chunk_first + (group.z >> 2u);
//% else
    let phase = 0u;
    let chunk = p.chunk_first + group.z;
//% end
    let how = walk(phase);
    let c0 = chunk * p.chunk;
    let channels = min(p.chunk, p.inputs - c0);
    let depth = how.taps * channels;
    let weights = p.weights + panel * p.panel_stride + (c0 * how.all + how.before * channels) * $(bo/4)u;
    let places = p.rows * p.columns;
//% for j bp/64
    let place$j = tile + me + $(64*j)u;
    // Far outside: nothing is read there.
    let y$j = select(-65536, i32(place$j / p.columns), place$j < places);
    let x$j = i32(place$j % p.columns);
//% end
    let left = me % $(bp/8)u;
    let top = me / $(bp/8)u;
//% for e 8
    var sum$(e)_0 = vec4<f32>(0.0);
    var sum$(e)_1 = vec4<f32>(0.0);
//% end
    var c = 0u;
    var tap_row = how.start;
    var tap_column = how.start;
    var tap = 0u;
    for (var k = 0u; k < depth; k += $(depth)u) {
        for (var i = me; i < $(depth*bo/4)u; i += 64u) {
            var weight = vec4<f32>(0.0);
            if (k * $(bo/4)u + i < depth * $(bo/4)u) {
                weight = w[weights + k * $(bo/4)u + i];
            }
            ws[i] = weight;
        }
        for (var kk = 0u; kk < $(depth)u; kk += 1u) {
//% for j bp/64
            var value$j = 0.0;
//% end
            if (k + kk < depth) {
                let style = frame[p.style + c0 + c];
                let plane = p.x + (c0 + c - p.x_first) * p.x_pitch;
//% for j bp/64
                let row$j = y$j + tap_row;
                let column$j = x$j + tap_column;
                if (u32(row$j) < p.x_height && u32(column$j) < p.x_width) {
                    value$j = load_x(plane + u32(row$j) * p.x_width + u32(column$j)) * style;
                }
//% end
                c += 1u;
                if (c == channels) {
                    c = 0u;
                    tap += 1u;
                    tap_column += how.step;
                    if (tap == how.row) {
                        tap = 0u;
                        tap_column = how.start;
                        tap_row += how.step;
                    }
                }
            }
//% for j bp/64
            xs[kk * $(bp)u + me + $(64*j)u] = value$j;
//% end
        }
        workgroupBarrier();
        for (var kk = 0u; kk < $(depth)u; kk += 1u) {
            let w0 = ws[kk * $(bo/4)u + top * 2u];
            let w1 = ws[kk * $(bo/4)u + top * 2u + 1u];
//% for e 8
            let v$e = vec4<f32>(xs[kk * $(bp)u + 2u * (left + $(e/2*bp/8)u) + $(e%2)u]);
            sum$(e)_0 = fma(w0, v$e, sum$(e)_0);
            sum$(e)_1 = fma(w1, v$e, sum$(e)_1);
//% end
        }
        workgroupBarrier();
    }
    // The end is long: compilers get one copy of it.
    var sums = array<vec4<f32>, 16>(
//% for e 8
        sum$(e)_0, sum$(e)_1,
//% end
    );
    for (var pair = 0u; pair < 4u; pair += 1u) {
        let place = tile + 2u * (left + pair * $(bp/8)u);
        let spots = vec2<u32>(spot(phase, place), spot(phase, place + 1u));
        for (var i = 0u; i < 8u; i += 1u) {
            let channel = panel * $(bo)u + top * 8u + i + p.panel_first;
            let both = vec2<f32>(sums[pair * 4u + i / 4u][i % 4u], sums[pair * 4u + 2u + i / 4u][i % 4u]);
            end(chunk, channel, spots, both);
        }
    }
}
