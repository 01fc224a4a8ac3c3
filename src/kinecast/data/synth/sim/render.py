"""Pictures of a simulated world: colours, depth, and which geom each pixel shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.data.synth.sim import gl
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.simulate import Poses

SKY = -1  # geom of a pixel that shows none
BACKDROP = 2  # geom group of what is seen but casts no shadow: walls around the scene


@dataclass(frozen=True, eq=False)
class Pictures:
    """What one camera sees.

    Attributes:
        rgb: uint8 (T, H, W, 3).
        depth: float32 (T, H, W), metres along the optical axis at the pixel's centre; the far
            plane where nothing is.
        geom: int16 (T, H, W), number of the geom at the pixel's centre; SKY where there is none.
    """

    rgb: UInt8[np.ndarray, "t h w 3"]
    depth: Float32[np.ndarray, "t h w"]
    geom: Int[np.ndarray, "t h w"]

    @property
    def size(self) -> Size:
        """(W, H)."""
        return self.rgb.shape[2], self.rgb.shape[1]

    def things(self, poses: Poses) -> UInt8[np.ndarray, "t h w"]:
        """Masks: id of the thing at each pixel, 0 for the background."""
        owner = np.append(poses.owner, 0).astype(np.uint8)  # index SKY is the last: background
        return owner[self.geom]


def render(poses: Poses, size: Size) -> tuple[Pictures, ...]:
    """Pictures of every camera of a world, at (W, H) pixels.

    Raises:
        UserError: no GL library (see `gl`), or pictures too large for it.
    """
    with _Screen(poses, size) as screen:
        return tuple(screen.film(camera) for camera in range(len(poses.fovy)))


class _Screen:
    """An off-screen framebuffer that draws the frames of one world."""

    def __init__(self, poses: Poses, size: Size) -> None:
        self._poses, self._size = poses, size
        model = poses.model
        self._context = gl.context(*size)
        model.vis.global_.offwidth, model.vis.global_.offheight = size
        try:
            self._drawing = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        except mujoco.FatalError as error:
            self._context.free()
            raise UserError(
                f"OpenGL cannot draw pictures of {size[0]}x{size[1]} here ({error}); "
                "use a smaller size"
            ) from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._drawing)
        self._drawing.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model, maxgeom=2 * model.ngeom + 100)
        self._shown = mujoco.MjvOption()
        # only geoms have poses, and only they can be followed
        self._shown.flags[mujoco.mjtVisFlag.mjVIS_TENDON] = False
        self._shown.sitegroup[:] = 0
        self._data = mujoco.MjData(model)
        mujoco.mj_forward(model, self._data)

    def __enter__(self) -> "_Screen":
        return self

    def __exit__(self, *_: Any) -> None:
        self._drawing.free()
        self._context.free()

    def film(self, camera: int) -> Pictures:
        """All frames as one camera of the setup sees them."""
        (W, H), T = self._size, len(self._poses)
        rgb = np.empty((T, H, W, 3), np.uint8)
        depth = np.empty((T, H, W), np.float32)
        geom = np.empty((T, H, W), np.int16)
        for t in range(T):
            self._pose(t, camera)
            rgb[t] = self._draw(ids=False)[0][::-1]
            colours, buffer = self._draw(ids=True)
            depth[t] = self._metres(buffer)[::-1]
            geom[t] = self._geoms(colours)[::-1]
        return Pictures(rgb, depth, geom)

    def _pose(self, t: int, camera: int) -> None:
        poses, data, model = self._poses, self._data, self._poses.model
        data.geom_xpos[:] = poses.geom_position[t]
        data.geom_xmat[:] = poses.geom_rotation[t].reshape(-1, 9)
        number = model.ncam - len(poses.fovy) + camera
        data.cam_xpos[number] = poses.camera_position[t, camera]
        data.cam_xmat[number] = poses.camera_rotation[t, camera].reshape(9)
        eye = mujoco.MjvCamera()
        eye.type, eye.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, number
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(model, data, self._shown, None, eye, everything, self._scene)
        for shown in self._scene.geoms[: self._scene.ngeom]:
            if model.geom_group[shown.objid] == BACKDROP:
                shown.category = mujoco.mjtCatBit.mjCAT_DECOR  # which MuJoCo leaves out of shadows

    def _draw(self, ids: bool) -> tuple[np.ndarray, np.ndarray]:
        """Colours (H, W, 3) and depth buffer (H, W), bottom row first."""
        W, H = self._size
        flags = self._scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = ids
        colours, depth = np.empty((H, W, 3), np.uint8), np.empty((H, W), np.float32)
        area = mujoco.MjrRect(0, 0, W, H)
        mujoco.mjr_render(area, self._scene, self._drawing)
        mujoco.mjr_readPixels(colours, depth if ids else None, area, self._drawing)
        return colours, depth

    def _metres(self, buffer: np.ndarray) -> np.ndarray:
        """Reversed depth buffer (1 near, 0 far) -> metres along the optical axis."""
        model = self._poses.model
        near, far = (
            float(np.float32(plane * model.stat.extent))
            for plane in (model.vis.map.znear, model.vis.map.zfar)
        )
        # 1 / z is linear in the buffer: 1 / far at 0, 1 / near at 1
        return 1 / (1 / far + buffer.astype(np.float64) * (1 / near - 1 / far))

    def _geoms(self, colours: np.ndarray) -> np.ndarray:
        """Colours of an id picture -> numbers of geoms."""
        number = colours.astype(np.int64) @ (1, 1 << 8, 1 << 16)  # 0: nothing
        known = np.full(self._scene.ngeom + 1, SKY, np.int16)
        for shown in self._scene.geoms[: self._scene.ngeom]:
            if shown.segid >= 0 and shown.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                known[shown.segid + 1] = shown.objid
        return known[number]
