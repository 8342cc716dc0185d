"""The microscope and its camera, in the order in which they act on the light.

`optics_blur` spreads points, `projection` turns, scales and distorts the picture (each colour a
little differently), `illumination` shades the field, `sensor` makes noise, the tone curve, sharpening
and JPEG. `photograph` joins them; `settings` draws what one photograph is taken with.
"""

from petrography.phantoms.camera.illumination import illumination
from petrography.phantoms.camera.photograph import photograph
from petrography.phantoms.camera.projection import Lens, Projection
from petrography.phantoms.camera.settings import Camera, draw_camera

__all__ = ["Camera", "Lens", "Projection", "draw_camera", "illumination", "photograph"]
