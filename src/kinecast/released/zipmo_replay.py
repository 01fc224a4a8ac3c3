"""Replay of ZipMo's recorded cases; encoders and policies are replayed in `zipmo_policy_replay`."""

from collections.abc import Mapping

from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.flow.guidance import guided
from kinecast.flow.sampler import Velocity, euler, uniform_times
from kinecast.released import zipmo
from kinecast.released.case import Case, Named
from kinecast.released.zipmo_functions import functions
from kinecast.released.zipmo_policy_replay import replay_encoder, replay_policy
from kinecast.systems.zipmo import latents, losses
from kinecast.systems.zipmo.dense import decode_field
from kinecast.systems.zipmo.planner import Planner, PokeTokens
from kinecast.systems.zipmo.positions import plane
from kinecast.systems.zipmo.system import ZipMo


def replay(case: Case) -> dict[str, Tensor]:
    """Our value of every recorded output.

    Raises:
        UserError: an unknown kind.
    """
    kinds = {
        "vae": vae,
        "velocity+sampler": planner,
        "functions": functions,
        "encoder": replay_encoder,
        "policy": replay_policy,
    }
    if case.kind not in kinds:
        raise UserError(f"expected a ZipMo case of {', '.join(kinds)}, got {case.kind!r}")
    return kinds[case.kind](case)


def load(tensors: Mapping[str, Tensor], options: Mapping[str, str]) -> ZipMo:
    """The system of a recorded file, through the rules that an import takes."""
    released = zipmo.read({"recorded": tensors}, options)
    system = ZipMo.from_config(released.model)
    system.load_state_dict(released.state)
    return system.eval()


def vae(case: Case) -> dict[str, Tensor]:
    """Kind vae."""
    config, given = _config(case), case.inputs
    network = load(case.weights("vae"), {}).vae
    tracks, image = given["tracks_yx"], given["start_emb"]
    latent = network.encode(tracks, image)
    z, contexts = latent.sample(given["eps"]), network.contexts(image)
    side, chunk, frames = config["dense_grid"], config["dense_chunk"], config["points_dec"]
    starts, T = tracks[:, :, 0], tracks.shape[2]
    again = network.decode(latent.mean, starts, T, contexts)
    grid = plane(side, side).unflatten(0, (side, side))
    stride = (side // chunk, side // chunk)
    one = network.contexts(image[:1])
    return {
        "mean": latent.mean,
        "logvar": latent.logvar,
        "latent_pos": network.position,
        "z": z,
        "decoded": network.decode(z, given["query_yx"], frames, contexts),
        "decoded_from_mean_at_starts": again,
        "decoded_dense": decode_field(network, z[:1], grid, frames, one, stride),
        "input_mlp": network.embed(tracks),
        "kl_per_token": losses.kl_per_token(latent),
        "recon_l1": losses.recon_l1(network.decode(z, starts, T, contexts), tracks),
        "pck": losses.pck(again, tracks),
    }


def planner(case: Case) -> dict[str, Tensor]:
    """Kind velocity+sampler: the sparse planner, and the dense one with the same weights."""
    config, given, tensors = _config(case), case.inputs, case.weights("planner")
    constants = {"shift": str(config["vae_shift"]), "scale": str(config["vae_scale"])}

    def system_of(kind: str) -> ZipMo:
        count = str(config[f"n_cond_{kind}"])
        return load(tensors, {"planner": kind, "pokes": count, **constants})

    system, dense = system_of("sparse"), system_of("dense").planner
    sparse, position = system.planner, system.vae.position
    assert sparse is not None
    assert dense is not None
    z, image, pokes = given["z"], given["start_emb"], given["pokes"]

    def velocity_of(network: Planner, tokens: PokeTokens) -> Velocity:
        context = network.context(image, tokens, position)
        return lambda z_t, t: network(z_t, t, context)

    def recorded(velocity: Velocity) -> Tensor:
        return -velocity(z, 1 - given["t"])

    def sampled(velocity: Velocity) -> Tensor:
        return euler(velocity, z, uniform_times(config["sample_steps"]))

    tokens = sparse.poke_tokens(pokes)
    conditional = velocity_of(sparse, tokens)
    unconditional = velocity_of(sparse, sparse.no_pokes(image))
    constant = system.config.shift, system.config.scale
    plans = sampled(conditional)
    tracks = system.vae.decode(
        latents.denormalise(plans, *constant),
        given["query_yx"],
        config["points_per_traj"],
        system.vae.contexts(image),
    )
    return {
        "velocity": recorded(conditional),
        "velocity_uncond": recorded(unconditional),
        "velocity_no_pokes": recorded(velocity_of(sparse, sparse.poke_tokens(pokes[:, :0]))),
        "velocity_dense": recorded(velocity_of(dense, dense.poke_tokens(given["pokes_dense"]))),
        "cond_norm": sparse.time(given["t"]),
        "poke_emb": tokens.tokens[:, : pokes.shape[1]],
        "x_cross": tokens.tokens,
        "pos_cross": tokens.positions,
        "sampled_latents": plans,
        "sampled_latents_cfg": sampled(guided(conditional, unconditional, config["cfg"])),
        "tracks": tracks,
        "normalized_of_3z_minus_1": latents.normalise(3 * z - 1, *constant),
        "denormalized_z": latents.denormalise(z, *constant),
    }


def _config(case: Case) -> Named:
    assert case.config is not None
    return case.config
