//! Metrics against scikit-image, SciPy and NumPy (`tests/golden/metrics.py`), and what they say of odd pictures.

use blend::network::Range;
use blend::network::Shape;
use blend::picture::Image;
use blend::picture::metrics;
use safetensors::SafeTensors;

fn goldens() -> SafeTensors<'static> {
    SafeTensors::deserialize(include_bytes!("../../golden/metrics.safetensors")).expect("safetensors")
}

fn numbers(name: &str) -> Vec<f64> {
    let file = goldens();
    let view = file.tensor(name).expect("a golden");
    view.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}

/// A picture; the renderer's own range where `signed` says so.
fn picture(name: &str, signed: bool) -> Image {
    let file = goldens();
    let view = file.tensor(name).expect("a picture");
    let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let [channels, height, width] = view.shape() else { panic!("{name} has no three axes") };
    let shape = Shape::new(*channels, *height, *width);
    match signed {
        true => Image { shape, range: Range::Signed, values: values.map(|value| value * 2.0 - 1.0).collect() },
        false => Image { shape, range: Range::Unit, values: values.collect() },
    }
}

#[track_caller]
fn close(what: &str, found: f64, wanted: f64, within: f64) {
    assert!((found - wanted).abs() <= within * wanted.abs().max(1.0), "{what}: {found}, not {wanted}");
}

#[track_caller]
fn check(name: &str) {
    let wanted = numbers(&format!("{name}.numbers"));
    for signed in [false, true] {
        let (a, b) = (picture(&format!("{name}.a"), signed), picture(&format!("{name}.b"), signed));
        // Twice an f32 minus 1 is rounded.
        let within = if signed { 2e-5 } else { 1e-9 };
        close(&format!("{name} psnr"), metrics::psnr(&a, &b), wanted[0], within);
        close(&format!("{name} ssim"), metrics::ssim(&a, &b), wanted[1], within);
        close(&format!("{name} ms_ssim"), metrics::ms_ssim(&a, &b), wanted[2], within);
        // scikit-image writes the matrix and the white point with a digit more or less.
        close(&format!("{name} lab_distance"), metrics::lab_distance(&a, &b), wanted[3], 2e-5);
        close(&format!("{name} contrast"), metrics::contrast(&a), wanted[4], within);
        close(&format!("{name} saturation"), metrics::saturation(&a), wanted[5], within);
        close(&format!("{name} diversity"), metrics::diversity(&[a, b]), wanted[6], within);
    }
}

#[test]
fn numbers_are_those_of_scikit_image() {
    ["colour", "near", "grey", "noise", "large", "flat", "black"].into_iter().for_each(check);
}

#[test]
fn low_passes_are_those_of_scipy() {
    for (name, px) in [("colour.low3", 3.0), ("colour.low8", 8.0), ("grey.low3", 3.0), ("grey.low8", 8.0)] {
        let a = picture(&name.replace(".low3", ".a").replace(".low8", ".a"), false);
        let (low, high) = (metrics::lowpass(&a, px), metrics::highpass(&a, px));
        for ((low, high), (value, wanted)) in
            low.values.iter().zip(&high.values).zip(a.values.iter().zip(numbers(name)))
        {
            close(name, f64::from(*low), wanted, 1e-6);
            close(name, f64::from(*high), f64::from(*value) - wanted + 0.5, 1e-6);
        }
    }
}

#[test]
fn equal_and_empty_pictures() {
    let a = picture("colour.a", true);
    assert_eq!(metrics::psnr(&a, &a), f64::INFINITY);
    close("ssim", metrics::ssim(&a, &a), 1.0, 1e-12);
    close("ms_ssim", metrics::ms_ssim(&a, &a), 1.0, 1e-12);
    assert_eq!(metrics::lab_distance(&a, &a), 0.0);
    assert_eq!(metrics::diversity(&[a.clone(), a.clone(), a.clone()]), 0.0);
    assert_eq!(metrics::diversity(std::slice::from_ref(&a)), 0.0);
    assert_eq!(metrics::not_finite(&a), 0);
    for side in [0, 1, 2, 5, 10] {
        let small = |value: f32| {
            let values = (0..3 * side * side).map(|at| value + 0.01 * at as f32).collect();
            Image { shape: Shape::new(3, side, side), range: Range::Unit, values }
        };
        let (a, b) = (small(0.1), small(0.3));
        let all =
            [metrics::ssim(&a, &b), metrics::ms_ssim(&a, &b), metrics::lab_distance(&a, &b), metrics::contrast(&a)];
        assert!(all.iter().all(|number| number.is_finite()), "{side}: {all:?}");
        assert_eq!(metrics::lowpass(&a, 8.0).values.len(), a.values.len());
    }
}

#[test]
fn pictures_are_compared_as_they_are_seen() {
    let image =
        |values: &[f32]| Image { shape: Shape::new(1, 1, values.len()), range: Range::Signed, values: values.to_vec() };
    // Beyond the range there is nothing to see, and what is no number is black.
    assert_eq!(metrics::psnr(&image(&[1.0, -3.0, f32::NAN]), &image(&[7.5, -1.0, -1.0])), f64::INFINITY);
    assert_eq!(metrics::not_finite(&image(&[0.0, f32::NAN, f32::INFINITY])), 2);
}
