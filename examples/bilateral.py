"""An edge-preserving (bilateral) filter, written as plain loops over the pixels."""

import math


def bilateral(img, out, radius, sigma_s, sigma_r):
    """Smooths `img` (2-D, float) into `out`, but not across edges."""
    height, width = img.shape
    for y in range(height):
        for x in range(width):
            centre = img[y, x]
            total = 0.0
            weights = 0.0
            for dy in range(-radius, radius + 1):
                yy = y + dy
                if yy < 0 or yy >= height:
                    continue
                for dx in range(-radius, radius + 1):
                    xx = x + dx
                    if xx < 0 or xx >= width:
                        continue
                    value = img[yy, xx]
                    diff = value - centre
                    weight = math.exp(
                        -(dx * dx + dy * dy) / (2.0 * sigma_s * sigma_s) - diff * diff / (2.0 * sigma_r * sigma_r)
                    )
                    total += weight * value
                    weights += weight
            out[y, x] = total / weights
