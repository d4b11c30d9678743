//! What right recipes come to: effective shares, by hand from the language page.

#[test]
fn probe_depth() {
    let n: usize = std::env::var("N").map_or(500, |n| n.parse().unwrap());
    let kind = std::env::var("KIND").unwrap_or_default();
    let mut lets: Vec<String> = (1..n)
        .map(|i| match kind.as_str() {
            "match" => format!("let x{i} = match {{ mapping => x{} else => x{} + 0.0001 }}\n", i - 1, i - 1),
            "fn" => format!("let x{i} = max(0, if(true, x{}, 0))\n", i - 1),
            "model" => format!("let x{i} = mix(x{}, b, 0.1)\n", i - 1),
            _ => format!("let x{i} = x{} + 0.0001\n", i - 1),
        })
        .collect();
    if std::env::var_os("REV").is_some() {
        lets.reverse();
    }
    let last = n - 1;
    let (zero, out) = if kind == "model" { ("a", format!("x{last}")) } else { ("0", format!("mix(a, b, x{last})")) };
    let text = format!(
        "blend 1\nmodel a = \"faces.safetensors\"\nmodel b = \"ink.safetensors\"\nlet x0 = {zero}\n{}output \"o.safetensors\" = {out}\n",
        lets.concat()
    );
    let start = std::time::Instant::now();
    let (checked, _) = crate::world::FakeWorld::full().check(&text);
    eprintln!(
        "{n} {kind}: {:?} {:?}",
        checked.problems.iter().map(|p| p.message.clone()).collect::<Vec<_>>(),
        start.elapsed()
    );
}
