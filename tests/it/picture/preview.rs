//! Pictures for terminals, decoded again as terminals decode them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blend::picture::canvas::Canvas;
use blend::picture::preview;
use blend::picture::preview::Protocol;
use blend::picture::read;

/// A picture as a network draws it: smooth in places, with edges, and of many colours.
fn picture(width: usize, height: usize) -> Canvas {
    let mut canvas = Canvas::new(width, height, [0; 3]).expect("a canvas");
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f64 / width as f64, y as f64 / height as f64);
            let disc = (u - 0.4).hypot(v - 0.5) < 0.25;
            let tone = |phase: f64| (127.5 + 127.0 * (6.0 * u + phase + if disc { 2.0 } else { 3.0 * v }).sin()) as u8;
            canvas.set(x, y, [tone(0.0), tone(1.0), tone(2.5)]);
        }
    }
    canvas
}

/// A canvas of a few colours.
fn tiles(width: usize, height: usize) -> Canvas {
    let mut canvas = Canvas::new(width, height, [250, 249, 246]).expect("a canvas");
    for at in 0..width.max(height) {
        canvas.fill(at * 3, at * 2, 2, 3, [(at % 5 * 60) as u8, 32, (at % 7 * 40) as u8]);
    }
    canvas
}

const END: &[u8] = b"\x1b[0m\n";

#[track_caller]
fn shown(canvas: &Canvas, protocol: Protocol, columns: usize) -> Vec<u8> {
    let bytes = preview::shown(canvas, protocol, columns).expect("a preview");
    bytes.strip_suffix(END).expect("a reset and a line's end").to_vec()
}

/// The value after a key.
#[track_caller]
fn number(keys: &str, separator: char, key: &str) -> usize {
    let value = keys.split(separator).find_map(|pair| pair.strip_prefix(&format!("{key}=")));
    value.unwrap_or_else(|| panic!("{keys} has no {key}")).parse().expect("a number")
}

/// The file and the columns.
#[track_caller]
fn kitty(bytes: &[u8]) -> (Vec<u8>, usize) {
    let text = str::from_utf8(bytes).expect("ASCII");
    let commands: Vec<&str> = text.split_terminator("\x1b\\").collect();
    let mut base64 = String::new();
    let mut columns = 0;
    for (at, command) in commands.iter().enumerate() {
        let command = command.strip_prefix("\x1b_G").expect("a command");
        let (keys, data) = command.split_once(';').expect("data");
        assert_eq!(number(keys, ',', "q"), 2);
        assert_eq!(number(keys, ',', "m"), usize::from(at + 1 < commands.len()));
        assert!(data.len() <= 4096 && (data.len() % 4 == 0));
        if at == 0 {
            assert!(keys.contains("a=T,") && number(keys, ',', "f") == 100);
            columns = number(keys, ',', "c");
        } else {
            assert!(keys.split(',').all(|pair| pair.starts_with("m=") || pair.starts_with("q=")), "{keys}");
        }
        base64.push_str(data);
    }
    (STANDARD.decode(base64).expect("base64"), columns)
}

#[track_caller]
fn iterm(bytes: &[u8]) -> (Vec<u8>, usize) {
    let text = str::from_utf8(bytes).expect("ASCII");
    let inside = text.strip_prefix("\x1b]1337;File=").and_then(|text| text.strip_suffix('\x07')).expect("a command");
    let (keys, data) = inside.split_once(':').expect("data");
    let file = STANDARD.decode(data).expect("base64");
    assert_eq!((number(keys, ';', "inline"), number(keys, ';', "size")), (1, file.len()));
    (file, number(keys, ';', "width"))
}

#[track_caller]
fn png(file: &[u8]) -> Canvas {
    Canvas::of(&read::png("preview", file).expect("a picture"))
}

/// Decodes sixels; a pixel that was never drawn, or drawn outside, or twice, is wrong here.
#[track_caller]
fn sixel(bytes: &[u8]) -> Canvas {
    let text = str::from_utf8(bytes).expect("ASCII");
    let body = text.strip_prefix("\x1bP0;1;0q\"").and_then(|text| text.strip_suffix("\x1b\\")).expect("sixels");
    let split = body.find('#').expect("a colour");
    let raster: Vec<usize> = body[..split].split(';').map(|number| number.parse().expect("a number")).collect();
    let [1, 1, width, height] = raster[..] else { panic!("{raster:?}") };
    let mut pixels = vec![None; width * height];
    let mut palette = std::collections::HashMap::new();
    let (mut colour, mut x, mut top) = (0, 0, 0);
    let mut rest = &body[split..];
    let numbers = |rest: &mut &str| -> Vec<usize> {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(rest.len());
        let found = rest[..end].split(';').map(|number| number.parse().expect("a number")).collect();
        *rest = &rest[end..];
        found
    };
    while let Some(one) = rest.chars().next() {
        rest = &rest[1..];
        let mut count = 1;
        let mut sixel = one;
        match one {
            '#' => {
                let found = numbers(&mut rest);
                colour = found[0];
                assert!(colour < 256);
                if let [_, 2, red, green, blue] = found[..] {
                    let before =
                        palette.insert(colour, [red, green, blue].map(|value| (value as f64 * 2.55).round() as u8));
                    assert!(before.is_none() && red.max(green).max(blue) <= 100);
                } else {
                    assert_eq!(found.len(), 1);
                }
                continue;
            }
            '$' => x = 0,
            '-' => (x, top) = (0, top + 6),
            '!' => {
                count = numbers(&mut rest)[0];
                sixel = rest.chars().next().expect("a sixel");
                rest = &rest[1..];
            }
            _ => {}
        }
        if matches!(one, '$' | '-') {
            continue;
        }
        assert!(('?'..='~').contains(&sixel), "{sixel:?}");
        let rows = sixel as u8 - b'?';
        for column in x..x + count {
            for row in (0..6).filter(|row| rows >> row & 1 == 1) {
                assert!(column < width && top + row < height, "outside");
                let before = pixels[(top + row) * width + column].replace(palette[&colour]);
                assert!(before.is_none(), "drawn twice");
            }
        }
        x += count;
    }
    let pixels: Vec<[u8; 3]> = pixels.into_iter().map(|pixel| pixel.expect("a pixel")).collect();
    Canvas { width, height, pixels: pixels.concat() }
}

/// What xterm shows for a number from 16 to 255 (its manual: a cube of 6 × 6 × 6 colours and 24 greys).
fn xterm(number: u8) -> [u8; 3] {
    const LEVELS: [u8; 6] = [0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff];
    if number >= 232 {
        return [8 + 10 * (number - 232); 3];
    }
    let cube = usize::from(number - 16);
    [LEVELS[cube / 36], LEVELS[cube / 6 % 6], LEVELS[cube % 6]]
}

/// Decodes half blocks: rows with a colour below give two rows of pixels.
#[track_caller]
fn blocks(bytes: &[u8]) -> Canvas {
    let text = str::from_utf8(bytes).expect("UTF-8");
    let mut rows: Vec<Vec<u8>> = vec![];
    for line in text.split('\n') {
        let (mut fore, mut back) = (None, None);
        let (mut upper, mut lower) = (vec![], vec![]);
        let mut rest = line;
        while let Some(one) = rest.chars().next() {
            rest = &rest[one.len_utf8()..];
            if one == '▀' {
                upper.extend::<[u8; 3]>(fore.expect("a colour"));
                lower.extend::<[u8; 3]>(back.unwrap_or_default());
                continue;
            }
            let (codes, after) = rest.strip_prefix('[').and_then(|rest| rest.split_once('m')).expect("a colour code");
            assert_eq!(one, '\x1b');
            rest = after;
            let codes: Vec<u8> = codes.split(';').map(|code| code.parse().expect("a number")).collect();
            let mut codes = &codes[..];
            while let [place, after @ ..] = codes {
                let colour;
                (colour, codes) = match after {
                    [2, red, green, blue, after @ ..] => (Some([*red, *green, *blue]), after),
                    [5, number, after @ ..] => (Some(xterm(*number)), after),
                    _ => (None, after),
                };
                match place {
                    38 => fore = colour,
                    48 => back = colour,
                    // At the end of a line.
                    0 => fore = None,
                    _ => panic!("{place}"),
                }
            }
        }
        rows.push(upper);
        rows.extend(back.is_some().then_some(lower));
    }
    // No colour may reach over the end of a line.
    assert_eq!(text.matches('\n').count(), text.matches("\x1b[0m\n").count());
    let width = rows[0].len() / 3;
    assert!(rows.iter().all(|row| row.len() == width * 3));
    Canvas { width, height: rows.len(), pixels: rows.concat() }
}

#[track_caller]
fn farthest(a: &Canvas, b: &Canvas) -> u8 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    a.pixels.iter().zip(&b.pixels).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn files_keep_every_pixel() {
    for (canvas, columns) in [(picture(1, 1), 80), (picture(200, 131), 80), (tiles(400, 90), 40), (picture(1, 300), 1)]
    {
        // 8 pixels are taken for a column, and no more columns than there are.
        let cells = canvas.width.div_ceil(8).min(columns);
        for (protocol, decode) in [(Protocol::Kitty, kitty as fn(&[u8]) -> _), (Protocol::Iterm, iterm)] {
            let (file, width) = decode(&shown(&canvas, protocol, columns));
            assert_eq!(width, cells);
            assert_eq!(farthest(&png(&file), &canvas), 0);
        }
    }
}

#[test]
fn large_files_are_sent_as_large_as_they_are_seen() {
    let canvas = picture(5000, 50);
    let (file, width) = kitty(&shown(&canvas, Protocol::Kitty, 50));
    assert_eq!((width, farthest(&png(&file), &canvas.reduced(5))), (50, 0));
    let (file, width) = iterm(&shown(&canvas, Protocol::Iterm, 25));
    assert_eq!((width, farthest(&png(&file), &canvas.reduced(10))), (25, 0));
}

#[test]
fn sixels_of_few_colours_are_what_percents_round() {
    for (canvas, columns) in [(tiles(1, 1), 80), (tiles(200, 131), 80), (tiles(1, 13), 1), (tiles(637, 6), 80)] {
        assert!(farthest(&sixel(&shown(&canvas, Protocol::Sixel, columns)), &canvas) <= 2);
    }
}

#[test]
fn sixels_of_many_colours_are_near_and_right_on_average() {
    let canvas = picture(240, 162);
    let found = sixel(&shown(&canvas, Protocol::Sixel, 80));
    // A pixel is off by the distance to the nearest colour, and by what its neighbours passed on.
    assert!(farthest(&found, &canvas) <= 40, "{}", farthest(&found, &canvas));
    let means = farthest(&found.reduced(6), &canvas.reduced(6));
    assert!(means <= 5, "{means}");
    // Noise in all colours: a palette of a million cannot be met, but its mean can.
    let mut seed = 1u32;
    let mut noise = picture(96, 96);
    for value in &mut noise.pixels {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = (seed >> 24) as u8;
    }
    let found = sixel(&shown(&noise, Protocol::Sixel, 80));
    let means = farthest(&found.reduced(16), &noise.reduced(16));
    assert!(means <= 5, "{means}");
}

#[test]
fn sixels_fit_their_columns() {
    let canvas = picture(5000, 50);
    let found = sixel(&shown(&canvas, Protocol::Sixel, 125));
    assert!(farthest(&found.reduced(2), &canvas.reduced(5).reduced(2)) <= 24);
    assert_eq!((found.width, found.height), (1000, 10));
    let found = sixel(&shown(&canvas, Protocol::Sixel, 1));
    assert_eq!((found.width, found.height), (8, 1));
}

#[test]
fn blocks_are_means_of_areas() {
    for (canvas, columns, factor) in [
        (picture(1, 1), 80, 1),
        (picture(80, 31), 80, 1),
        (picture(160, 64), 80, 2),
        (picture(63, 7), 9, 7),
        (picture(5000, 150), 100, 50),
        (picture(700, 700), 1, 700),
        (picture(1, 40), 1, 1),
        // No columns are taken for one.
        (picture(12, 12), 0, 12),
    ] {
        let wanted = canvas.reduced(factor);
        let found = blocks(&shown(&canvas, Protocol::Blocks, columns));
        assert_eq!(farthest(&found, &wanted), 0, "{} × {}", canvas.width, canvas.height);
        let few = blocks(&shown(&canvas, Protocol::Blocks256, columns));
        // Half of the cube's largest step.
        assert!(farthest(&few, &wanted) <= 48, "{}", farthest(&few, &wanted));
    }
}

#[test]
fn odd_sizes_are_shown() {
    for protocol in preview::NAMES.iter().filter_map(|name| Protocol::named(name)) {
        for (width, height) in [(1, 1), (1, 500), (5000, 1), (3, 7), (1, 20_001), (20_001, 2)] {
            for columns in [0, 1, 7, 80, usize::MAX] {
                let bytes = shown(&tiles(width, height), protocol, columns);
                assert!(!bytes.is_empty() && bytes.len() < 1 << 23);
            }
        }
        // Nothing to see.
        for (width, height) in [(0, 0), (0, 5), (5, 0)] {
            let empty = Canvas { width, height, pixels: vec![] };
            assert_eq!(preview::shown(&empty, protocol, 80).expect("nothing"), END);
        }
        for (width, height) in [(2, 2), (usize::MAX, 2), (usize::MAX, usize::MAX)] {
            let torn = Canvas { width, height, pixels: vec![0; 5] };
            assert_eq!(preview::shown(&torn, protocol, 80).expect_err("a problem").code.0, "E0707");
        }
    }
}
