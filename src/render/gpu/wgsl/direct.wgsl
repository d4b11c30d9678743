// A convolution without shared memory: $bo output channels by $px positions an invocation, weights alike for a workgroup.
// For software, where sharing is pure cost, and for layers with few outputs.
//% include conv.wgsl

@compute @workgroup_size($threads)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) me: u32,
) {
    let panel = group.y % p.panels;
    let tile = (group.x + groups.x * (group.y / p.panels)) * $(threads*px)u;
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
    var weights = p.weights + panel * p.panel_stride + (c0 * how.all + how.before * channels) * $(bo/4)u;
    let places = p.rows * p.columns;
//% for e px
    let place$e = tile + 2u * (me + $(e/2*threads)u) + $(e%2)u;
    // Far outside: nothing is read there.
    let y$e = select(-65536, i32(place$e / p.columns), place$e < places);
    let x$e = i32(place$e % p.columns);
//% for q bo/4
    var sum$(e)_$q = vec4<f32>(0.0);
//% end
//% end
    for (var tap = 0u; tap < how.taps; tap += 1u) {
        let tap_row = how.start + how.step * i32(tap / how.row);
        let tap_column = how.start + how.step * i32(tap % how.row);
//% for e px
        let row$e = y$e + tap_row;
        let column$e = x$e + tap_column;
        let seen$e = u32(row$e) < p.x_height && u32(column$e) < p.x_width;
        let at$e = select(0u, u32(row$e) * p.x_width + u32(column$e), seen$e);
//% end
        var plane = p.x + (c0 - p.x_first) * p.x_pitch;
        for (var c = 0u; c < channels; c += 1u) {
            let style = frame[p.style + c0 + c];
//% for e px
            let v$e = vec4<f32>(select(0.0, load_x(plane + at$e) * style, seen$e));
//% end
//% for q bo/4
            let w$q = w[weights + $(q)u];
//% for e px
            sum$(e)_$q = fma(w$q, v$e, sum$(e)_$q);
//% end
//% end
            weights += $(bo/4)u;
            plane += p.x_pitch;
        }
    }
    // The end is long: compilers get one copy of it.
    var sums = array<vec4<f32>, $(px*bo/4)>(
//% for e px
//% for q bo/4
        sum$(e)_$q,
//% end
//% end
    );
    for (var pair = 0u; pair < $(px/2)u; pair += 1u) {
        let place = tile + 2u * (me + pair * $(threads)u);
        let spots = vec2<u32>(spot(phase, place), spot(phase, place + 1u));
        for (var i = 0u; i < $(bo)u; i += 1u) {
            let channel = panel * $(bo)u + i + p.panel_first;
            let at = pair * $(bo/2)u + i / 4u;
            end(chunk, channel, spots, vec2<f32>(sums[at][i % 4u], sums[at + $(bo/4)u][i % 4u]));
        }
    }
}
