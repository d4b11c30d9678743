//! Pictures cut, joined and resized.

use super::Image;
use super::planes::Planes;
use crate::network::Shape;

/// A part of a picture; what lies outside it is left away.
pub fn cropped(image: &Image, [x, y, width, height]: [usize; 4]) -> Image {
    let Shape { channels, height: rows, width: columns } = image.shape;
    let (x, y) = (x.min(columns), y.min(rows));
    let shape = Shape::new(channels, height.min(rows - y), width.min(columns - x));
    let mut values = Vec::with_capacity(shape.elems());
    for plane in image.values.chunks_exact(image.shape.pixels().max(1)) {
        for row in y..y + shape.height {
            values.extend_from_slice(&plane[row * columns + x..][..shape.width]);
        }
    }
    Image { shape, values, ..*image }
}

/// Pictures of one shape, side by side; `None` for no picture, or for shapes that differ.
pub fn strip(images: &[Image]) -> Option<Image> {
    let first = images.first()?;
    if images.iter().any(|image| image.shape != first.shape || image.range != first.range) {
        return None;
    }
    let Shape { channels, height, width } = first.shape;
    let shape = Shape::new(channels, height, width * images.len());
    let mut values = Vec::with_capacity(shape.elems());
    for line in 0..channels * height {
        images.iter().for_each(|image| values.extend_from_slice(&image.values[line * width..][..width]));
    }
    Some(Image { shape, range: first.range, values })
}

/// The pictures of a strip of so many.
pub fn tiles(image: &Image, count: usize) -> Vec<Image> {
    let width = image.shape.width / count.max(1);
    (0..count).map(|at| cropped(image, [at * width, 0, width, image.shape.height])).collect()
}

/// In another size: every pixel is the mean of the area that it covers.
pub fn resized(image: &Image, [width, height]: [usize; 2]) -> Image {
    if [image.shape.width, image.shape.height] == [width, height] {
        return image.clone();
    }
    let planes = Planes::plain(image);
    let (columns, rows) = (areas(planes.width, width), areas(planes.height, height));
    let mut wide = Vec::with_capacity(planes.channels * planes.height * width);
    for line in planes.values.chunks_exact(planes.width.max(1)) {
        wide.extend(columns.iter().map(|area| area.iter().map(|(at, weight)| line[*at] * weight).sum::<f64>()));
    }
    let mut values = Vec::with_capacity(planes.channels * height * width);
    for plane in wide.chunks_exact((planes.height * width).max(1)) {
        for area in &rows {
            values.extend(
                (0..width).map(|x| area.iter().map(|(at, weight)| plane[at * width + x] * weight).sum::<f64>() as f32),
            );
        }
    }
    Image { shape: Shape::new(planes.channels, height, width), range: image.range, values }
}

/// Per new pixel the old ones that it covers, and their parts of it.
fn areas(old: usize, new: usize) -> Vec<Vec<(usize, f64)>> {
    let scale = old as f64 / new as f64;
    let area = |at: usize| {
        let (from, to) = (at as f64 * scale, (at + 1) as f64 * scale);
        let cells = from as usize..(to.ceil() as usize).min(old);
        let part = |cell: usize| ((to.min((cell + 1) as f64) - from.max(cell as f64)) / scale).max(0.0);
        cells.map(|cell| (cell, part(cell))).collect()
    };
    (0..new).map(area).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Range;

    fn image(width: usize, values: &[f32]) -> Image {
        Image { shape: Shape::new(1, values.len() / width, width), range: Range::Signed, values: values.to_vec() }
    }

    #[test]
    fn strips_are_cut_as_they_are_joined() {
        let (a, b) = (image(2, &[1.0, 2.0, 3.0, 4.0]), image(2, &[5.0, 6.0, 7.0, 8.0]));
        let joined = strip(&[a.clone(), b.clone()]).expect("a strip");
        assert_eq!(joined, image(4, &[1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]));
        assert_eq!(tiles(&joined, 2), [a.clone(), b]);
        assert_eq!(strip(&[a, joined]), None);
        assert_eq!(strip(&[]), None);
    }

    #[test]
    fn parts_stay_inside() {
        let whole = image(3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(cropped(&whole, [1, 1, 9, 9]), image(2, &[5.0, 6.0]));
        assert_eq!(cropped(&whole, [0, 0, 2, 1]), image(2, &[1.0, 2.0]));
        assert!(cropped(&whole, [9, 9, 1, 1]).values.is_empty());
    }

    #[test]
    fn sizes_change_by_areas() {
        assert_eq!(resized(&image(2, &[1.0, 3.0, 5.0, 7.0]), [1, 1]), image(1, &[4.0]));
        assert_eq!(resized(&image(3, &[0.0, 3.0, 6.0]), [2, 1]), image(2, &[1.0, 5.0]));
        assert_eq!(resized(&image(1, &[2.0]), [2, 2]), image(2, &[2.0; 4]));
        assert_eq!(resized(&image(2, &[0.0, 1.0]), [3, 1]).values, [0.0, 0.5, 1.0]);
    }
}
