// An activation: stored as f32, or as halves, two in a word.
fn load_$name(at: u32) -> f32 {
//% if half
    let pair = unpack2x16float($name[at >> 1u]);
    return select(pair.x, pair.y, (at & 1u) == 1u);
//% else
    return $name[at];
//% end
}
