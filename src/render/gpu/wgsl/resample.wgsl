// Taps of a filter over values with zeros between them.
//
// Value `n` of the widened line is the sum over taps t of `taps[t]·z[n + t - low]`, where z is x with `up - 1` zeros behind every value.
fn widened(plane: u32, row: u32, column: u32, bias: f32) -> f32 {
    // The first tap that meets a value, and that value's place.
    let y = i32(row) - p.low;
    let x = i32(column) - p.low;
    // Both are not negative before the remainder is taken: what it is of negative numbers, drivers do not agree on.
    let shift = 16777216 * p.up;
    let a0 = (shift - y) % p.up;
    let b0 = (shift - x) % p.up;
    let i0 = (y + a0 + shift) / p.up - 16777216;
    let j0 = (x + b0 + shift) / p.up - 16777216;
    var sum = 0.0;
    var i = i0;
    for (var a = a0; a < p.length; a += p.up) {
        if (u32(i) < p.x_height) {
            let line = plane + u32(i) * p.x_width;
            var j = j0;
            for (var b = b0; b < p.length; b += p.up) {
                if (u32(j) < p.x_width) {
                    sum = fma(load_x(line + u32(j)) + bias, consts[p.taps + u32(a * p.length + b)], sum);
                }
                j += 1;
            }
        }
        i += 1;
    }
    return sum;
}
