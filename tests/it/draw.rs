//! Models of a recipe drawn without writing them.

use super::run;
use blend::check::Settings;
use blend::compile::Compiled;
use blend::draw;
use blend::draw::Easel;
use blend::draw::Put;
use blend::exec;
use blend::exec::Progress;
use blend::exec::Stop;
use blend::hir::InputId;
use blend::hir::Literal;
use blend::plan::Subject;
use blend::plan::drawing;
use blend::plan::input_files;
use blend::render::device::Device;
use blend::render::device::Place;
use blend::render::drawer::Look;
use blend::render::drawer::Start;

const RECIPE: &str = r#"blend 1
model toon = "avatars-toon.safetensors"
model ink = "avatars-ink.safetensors"
param strength = 0.25
let mixed = match {
  resolution 16 => mix(toon, ink, strength)
  else => toon
}
output "out.safetensors" = mixed { dtype = f16 }
"#;

fn compiled(strength: f64) -> Compiled {
    let settings = Settings { sets: vec![("strength".into(), Literal::Number(strength))], ..Settings::default() };
    run::compile(RECIPE, &run::root().join("recipes/models"), &settings).unwrap_or_else(|text| panic!("{text}")).0
}

fn put(easel: &mut Easel, compiled: &Compiled, subject: Subject) -> (Put, Vec<f32>) {
    let drawing = drawing(&compiled.recipe, &compiled.graph, subject, None).expect("a drawing");
    let inputs = draw::open(&input_files(&compiled.recipe)).expect("files");
    let put = easel.put(&drawing, &inputs, &Progress::default()).expect("weights");
    let images = easel.draw(&[Start::Seed(3)], &Look::default(), &Progress::default()).expect("a picture");
    (put, images[0].values.clone())
}

/// What a file of the output draws.
fn built(compiled: &mut Compiled) -> Vec<f32> {
    let folder = tempfile::tempdir().expect("a folder");
    compiled.plan.outputs[0].path = folder.path().join("out.safetensors");
    exec::run(&compiled.recipe, &compiled.plan, &exec::Options::default(), &Progress::default()).expect("a build");
    let text = "blend 1\nmodel a = \"out.safetensors\"\noutput \"b.safetensors\" = a\n";
    let (again, _) = run::compile(text, folder.path(), &Settings::default()).expect("a recipe");
    put(&mut Easel::new(Device::CPU), &again, Subject::Input(InputId(0))).1
}

#[test]
fn only_what_differs_is_computed() {
    let mut easel = Easel::new(Device::CPU);
    let mut quarter = compiled(0.25);
    let (first, picture) = put(&mut easel, &quarter, Subject::Output(0));
    assert_eq!(first.computed, first.tensors);
    let (again, same) = put(&mut easel, &quarter, Subject::Output(0));
    assert_eq!((again.computed, &same), (0, &picture));
    // Resolution 16: two convolutions, their affines and biases and noise, ToRGB.
    let mut more = compiled(0.5);
    let (half, other) = put(&mut easel, &more, Subject::Output(0));
    assert_eq!((half.computed, half.tensors), (16, 92));
    assert_ne!(other, picture);
    // Pictures are those of the file that a build writes, whose numbers have half precision.
    assert_eq!(other, built(&mut more));
    assert_eq!(picture, built(&mut quarter));
    let (_, toon) = put(&mut easel, &more, Subject::Input(InputId(0)));
    let (_, fresh) = put(&mut Easel::new(Device::CPU), &more, Subject::Input(InputId(0)));
    assert_eq!(toon, fresh, "nothing of the model before is left");
    let (_, back) = put(&mut easel, &quarter, Subject::Output(0));
    assert_eq!(back, picture);
}

/// Pictures come in the order of their starts, each as if it were drawn alone, whether they are drawn one after the
/// other or one ahead of the other; what the caller says is heard.
#[test]
fn pictures_come_in_order() {
    let compiled = compiled(0.25);
    let drawing = drawing(&compiled.recipe, &compiled.graph, Subject::Output(0), None).expect("a drawing");
    let inputs = draw::open(&input_files(&compiled.recipe)).expect("files");
    let (look, progress) = (Look::default(), Progress::default());
    for place in [Place::Cpu, Place::Software] {
        let mut easel = Easel::new(Device { place: place.clone(), half: false });
        match easel.put(&drawing, &inputs, &progress) {
            // Without a driver in software; where everything must be there, the tests of cards fail.
            Err(_) if place == Place::Software => continue,
            put => assert!(put.expect("weights").computed > 0),
        }
        let starts: Vec<Start> = [5, 1, 1, 8].map(Start::Seed).into();
        let mut seen = vec![];
        let each = easel.draw_each(&starts, &look, &progress, &mut |at, image| {
            seen.push((at, image));
            Ok(())
        });
        each.expect("pictures");
        let alone = starts.iter().map(|start| easel.drawer().expect("a model").draw(start, &look).expect("a picture"));
        assert!(seen == alone.enumerate().collect::<Vec<_>>(), "{place:?}");
        assert_ne!(seen[0].1, seen[1].1);
        let mut count = 0;
        let stopped = easel.draw_each(&starts, &look, &progress, &mut |_, _| {
            count += 1;
            Err(Stop::Cancelled)
        });
        assert!(matches!(stopped, Err(Stop::Cancelled)) && count == 1, "{place:?}");
        assert!(easel.draw(&[], &look, &progress).expect("nothing").is_empty());
    }
}

/// A recipe with claims about pictures, in a folder of its own.
struct Claims {
    folder: tempfile::TempDir,
}

const TOON: &str = "render(mixed, seeds = 0..2)";

impl Claims {
    fn new() -> Claims {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["avatars-toon.safetensors", "avatars-ink.safetensors"] {
            let model = run::root().join("recipes/models").join(name);
            std::os::unix::fs::symlink(model, folder.path().join(name)).expect("a link");
        }
        Claims { folder }
    }

    fn run(&self, dtype: &str, claim: &str, renew: bool) -> Result<exec::Report, String> {
        let text = RECIPE.replace("f16", dtype) + "assert " + claim + "\n";
        let settings = Settings { renews_pictures: renew, ..Settings::default() };
        let (compiled, _) = run::compile(&text, self.folder.path(), &settings)?;
        let options = exec::Options { dry: true, renew, threads: 2, ..exec::Options::default() };
        exec::run(&compiled.recipe, &compiled.plan, &options, &Progress::default()).map_err(|stop| format!("{stop:?}"))
    }

    #[track_caller]
    fn check(&self, claim: &str, holds: bool, line: &str) -> exec::Report {
        let report = self.run("f32", claim, false).unwrap_or_else(|text| panic!("{text}"));
        let found = &report.claims[0];
        assert_eq!((found.holds, found.lines.first().map_or("", String::as_str)), (holds, line), "{claim}");
        report
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join(folder)).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn claims_look_at_pictures() {
    let claims = Claims::new();
    claims.check(&format!("finite({TOON})"), true, "0 values of pictures are not finite");
    // The worst picture decides, in both directions.
    let line = "contrast is 0.1511 (seed 1) to 0.2651 (seed 2)";
    let of = |bound: &str| format!("contrast({TOON}) {bound}");
    claims.check(&of(">= 0.15"), true, line);
    claims.check(&of(">= 0.16"), false, line);
    claims.check(&of("<= 0.27"), true, line);
    claims.check(&of("<= 0.26"), false, line);
    claims.check(&of("in 0.15..0.27"), true, line);
    claims.check(&of("in 0.16..0.27"), false, line);
    let same = claims.check("psnr(render(toon), render(toon)) >= 100", true, "psnr is infinite (equal)");
    assert!(!same.claims[0].is_narrow);
    assert!(claims.check(&of(">= 0.15"), true, line).claims[0].is_narrow, "0.0011 is less than a tenth of 0.15");
    assert!(!claims.check(&of(">= 0.1"), true, line).claims[0].is_narrow);
    // Parts and sizes; a quarter's picture is not the whole's.
    claims.check("psnr(render(toon, size = 32), render(toon, crop = [0, 0, 32, 32])) >= 30", false, "psnr is 9.2712");
    claims.check("diversity(render(toon, psi = 0, seeds = 0..1)) <= 0.000001", true, "diversity is 0.0000");
}

#[test]
fn golden_pictures_are_written_and_held() {
    let claims = Claims::new();
    let claim = format!("ssim({TOON}, image(\"golden/toon.png\")) >= 0.98");
    let missing = claims.run("f32", &claim, false).expect_err("there is no picture yet");
    assert!(missing.contains("E0501") && missing.contains("blend test --update"), "{missing}");
    let renewed = |claim: &str, renew: bool| claims.run("f32", claim, renew).unwrap_or_else(|text| panic!("{text}"));
    let first = renewed(&claim, true);
    assert!(first.claims[0].holds && first.renewed[0].ends_with("toon.png: new"), "{:?}", first.renewed);
    assert!(renewed(&claim, false).claims[0].holds);
    let second = renewed(&claim, true);
    assert!(second.renewed[0].ends_with("toon.png: as it was"), "{:?}", second.renewed);
    // Another model moves it; without the flag the claim fails, and says where to look.
    let other = claim.replace(TOON, "render(ink, seeds = 0..2)");
    let report = renewed(&other, false);
    assert!(!report.claims[0].holds);
    assert_eq!(claims.files("out.claims"), ["01-ssim-actual.png", "01-ssim-difference.png", "01-ssim-expected.png"]);
    let golden = std::fs::read(claims.folder.path().join("golden/toon.png")).expect("a picture");
    let expected = std::fs::read(claims.folder.path().join("out.claims/01-ssim-expected.png")).expect("a picture");
    let pixels = |bytes: &[u8]| blend::picture::read::png("a", bytes).expect("a picture").values;
    assert_eq!(pixels(&golden), pixels(&expected));
    let moved = renewed(&other, true);
    assert!(moved.renewed[0].contains("it moved: psnr") && moved.claims[0].holds, "{:?}", moved.renewed);
    // Filters on both sides are left away: the picture itself is kept.
    let filtered = "ssim(lowpass(render(ink, seeds = 0..2), 4), lowpass(image(\"golden/toon.png\"), 4)) >= 0.98";
    assert!(renewed(filtered, true).renewed[0].ends_with("as it was"));
}

/// Law 7: an output is drawn as it is written.
#[test]
fn outputs_are_drawn_as_written() {
    let claims = Claims::new();
    let claim = "psnr(render(mixed), render(mix(toon, mixed, 1))) >= 0";
    let line = |dtype: &str| claims.run(dtype, claim, false).expect("a run").claims[0].lines[0].clone();
    assert_eq!(line("f32"), "psnr is infinite (equal)");
    let half = line("f16");
    assert!(half.starts_with("psnr is ") && half != "psnr is infinite (equal)", "{half}");
}
