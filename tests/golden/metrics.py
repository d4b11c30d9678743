"""Golden numbers of picture metrics, from scikit-image, SciPy and NumPy in f64.

    python3 tests/golden/metrics.py        (needs numpy, scipy, scikit-image, safetensors)

writes metrics.safetensors beside itself: per case two pictures [channels, height, width] from 0 to 1 in f32, and
`NAME.numbers` = psnr, ssim, ms_ssim, lab_distance, contrast and saturation of the first, diversity of both;
`NAME.low3`, `NAME.low8` = the first, low-passed.
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

LUMA = np.array([0.299, 0.587, 0.114])
SCALES = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def luma(a):
    return a[0] if len(a) < 3 else np.tensordot(LUMA, a[:3], 1)


def ssim(x, y):
    return structural_similarity(
        x, y, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, win_size=11
    )


def contrast_term(x, y):
    """The contrast and structure part of SSIM, over the same window, written out."""
    blur = lambda v: gaussian_filter(v, 1.5, truncate=3.5, mode="reflect")[5:-5, 5:-5]
    mx, my = blur(x), blur(y)
    cov = blur(x * y) - mx * my
    vx, vy = blur(x * x) - mx * mx, blur(y * y) - my * my
    return ((2 * cov + 0.03**2) / (vx + vy + 0.03**2)).mean()


def halved(x):
    h, w = x.shape[0] // 2, x.shape[1] // 2
    return x[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean((1, 3))


def ms_ssim(x, y):
    count = 1
    while count < 5 and min(x.shape) // 2**count >= 11:
        count += 1
    weights = SCALES[:count] / SCALES[:count].sum()
    out = 1.0
    for scale, weight in enumerate(weights):
        term = ssim(x, y) if scale == count - 1 else contrast_term(x, y)
        out *= max(term, 0) ** weight
        x, y = halved(x), halved(y)
    return out


def lab(a):
    rgb = a[:3] if len(a) >= 3 else np.repeat(a[:1], 3, 0)
    return rgb2lab(rgb.transpose(1, 2, 0), illuminant="D65", observer="2")


def saturation(a):
    rgb = a[:3] if len(a) >= 3 else np.repeat(a[:1], 3, 0)
    high, low = rgb.max(0), rgb.min(0)
    return np.where(high > 0, (high - low) / np.where(high > 0, high, 1), 0).mean()


def low(a, px):
    sigma = px / (2 * np.sqrt(2 * np.log(2)))
    return np.stack([gaussian_filter(plane, sigma, truncate=4.0, mode="reflect") for plane in a])


def picture(seed, channels, height, width, smooth):
    noise = np.random.RandomState(seed).rand(channels, height, width)
    noise = np.stack([gaussian_filter(plane, smooth) for plane in noise]) if smooth else noise
    return ((noise - noise.min()) / (noise.max() - noise.min())).astype(np.float32)


def main():
    cases = {
        "colour": (picture(1, 3, 24, 31, 1.5), picture(2, 3, 24, 31, 1.5)),
        "near": (picture(3, 3, 48, 48, 2), None),
        "grey": (picture(4, 1, 17, 13, 1), picture(5, 1, 17, 13, 1)),
        "noise": (picture(6, 3, 64, 64, 0), picture(7, 3, 64, 64, 0)),
        "large": (picture(8, 1, 180, 176, 3), None),
        "flat": (np.full((3, 16, 16), 0.25, np.float32), np.full((3, 16, 16), 0.5, np.float32)),
        "black": (np.zeros((3, 16, 16), np.float32), picture(9, 3, 16, 16, 1)),
    }
    out = {}
    for name, (a, b) in cases.items():
        if b is None:
            b = np.clip(a + 0.05 * np.random.RandomState(10).randn(*a.shape), 0, 1).astype(np.float32)
        x, y = a.astype(np.float64), b.astype(np.float64)
        out[f"{name}.a"], out[f"{name}.b"] = a, b
        out[f"{name}.numbers"] = np.array(
            [
                peak_signal_noise_ratio(x, y, data_range=1.0),
                ssim(luma(x), luma(y)),
                ms_ssim(luma(x), luma(y)),
                np.sqrt(((lab(x) - lab(y)) ** 2).sum(-1)).mean(),
                luma(x).std(),
                saturation(x),
                np.sqrt(((x - y) ** 2).mean()),
            ]
        )
        if name in ("colour", "grey"):
            out[f"{name}.low3"], out[f"{name}.low8"] = low(x, 3), low(x, 8)
    save_file(out, pathlib.Path(__file__).with_suffix(".safetensors"))


main()
