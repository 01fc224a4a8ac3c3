"""The processes of a run: one alone, or as many as `torchrun` or `accelerate launch` started.

Accelerate finds the devices and the others, and copies the network to each (DDP). With `--shard`
the weights, gradients and optimiser's state of transformer blocks are split over the processes
instead (FSDP2), by torch's own `fully_shard`: Accelerate's way to it refuses CPUs. The weights are
whole during a pass. What is not in a block is small and copied: FSDP2 needs the same gradients in
all processes, and an embedding of a condition may be dropped in one of them.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from kinecast.core import device as devices
from kinecast.core.errors import UserError
from kinecast.core.extra import optional
from kinecast.nn.block import blocks

# how Accelerate may be configured to train; DDP and `fully_shard` are all that is meant here
OTHER_WAYS = ("FSDP", "DEEPSPEED", "MEGATRON_LM", "PARALLELISM_CONFIG")


class Team:
    """What a process knows of the others.

    Attributes:
        index, count: of this process.
        device: of this process.
        sharded: whether the network is split over the processes.
    """

    index, count, sharded = 0, 1, False

    def __init__(self, device: torch.device) -> None:
        """One process alone."""
        self.device = device

    @property
    def main(self) -> bool:
        """Whether this process writes the run's files."""
        return self.index == 0

    def spread(self, network: nn.Module) -> nn.Module:
        """A module that calls what it is given; inside, `network` has its weights as usual."""
        return Call(network)

    def inside(self, spread: nn.Module, call: Callable[[], Any]) -> Any:
        """What a call returns that is no step of training, with the network's weights whole."""
        return spread(call) if self.sharded else call()

    def together(self, spread: nn.Module, last: bool) -> AbstractContextManager[object]:
        """Around a backward pass: gradients are averaged over the processes in the last one."""
        return nullcontext()

    def clip(self, trained: Sequence[Tensor], largest: float) -> float:
        """Scale gradients so that their norm is at most `largest`; the norm before that."""
        return float(torch.nn.utils.clip_grad_norm_(trained, largest))

    def means(self, values: dict[str, float]) -> dict[str, float]:
        """The mean of each number over the processes, the same on all of them."""
        return values

    def most(self, value: int) -> int:
        """The largest value of any process."""
        return value

    def wait(self) -> None:
        """Until all processes are here."""


class Call(nn.Module):
    """Gives DDP and FSDP2 a forward pass to hook into, whatever a stage calls of its network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, call: Callable[[], Any]) -> Any:
        """What the call returns."""
        return call()


class Accelerated(Team):
    """Several processes."""

    def __init__(self, name: str, sharded: bool) -> None:
        accelerate = optional("accelerate", "train")
        handler = optional("accelerate.utils", "train").DistributedDataParallelKwargs(
            find_unused_parameters=True,  # a step may drop a condition and all its weights
            broadcast_buffers=False,
        )
        # what is left out is taken from the user's `accelerate config`; the recipe decides instead
        self._accelerator = accelerate.Accelerator(
            cpu=devices.resolve(name).type == "cpu",
            mixed_precision="no",
            dynamo_backend="no",
            kwargs_handlers=[handler],
        )
        self.index = self._accelerator.process_index
        self.count = self._accelerator.num_processes
        self.sharded = sharded
        super().__init__(self._accelerator.device)

    def spread(self, network: nn.Module) -> nn.Module:
        """DDP or FSDP2 around the network."""
        if not self.sharded:
            warnings.filterwarnings("ignore", message=".*find_unused_parameters=True")
            wrapped: nn.Module = self._accelerator.prepare_model(Call(network))
            return wrapped
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(self.device.type, (self.count,))
        split = {p for block in blocks(network) for p in block.parameters()}
        copied = {p for p in network.parameters() if p not in split}
        whole = Call(network)  # one group: a stage may use a part of a block outside of the block
        fully_shard(whole, mesh=mesh, reshard_after_forward=True, ignored_params=copied)
        return whole

    def together(self, spread: nn.Module, last: bool) -> AbstractContextManager[object]:
        """No exchange of gradients but in the last pass."""
        if self.sharded:
            return self._sharded(spread, last)
        context: AbstractContextManager[object] = (
            nullcontext() if last else self._accelerator.no_sync(spread)
        )
        return context

    @contextmanager
    def _sharded(self, spread: nn.Module, last: bool) -> Iterator[None]:
        spread.set_requires_gradient_sync(last)  # type: ignore[operator]
        yield
        if last:
            copied = [p for p in spread.parameters() if not isinstance(p, DTensor)]
            self._average([p for p in copied if p.requires_grad])

    def _average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average gradients; one that no process has stays None, as in a process alone."""
        if not parameters:
            return
        used = torch.tensor([p.grad is not None for p in parameters], device=self.device)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([used.float(), *(g.flatten().float() for g in grads)])
        flat = self._accelerator.reduce(flat, "mean")
        used, values = flat[: len(grads)] > 0, flat[len(grads) :].split([g.numel() for g in grads])
        for p, has, value in zip(parameters, used.tolist(), values, strict=True):
            p.grad = value.view_as(p).to(p.dtype) if has else None

    def clip(self, trained: Sequence[Tensor], largest: float) -> float:
        """The norm is of all processes' parts."""
        if not self.sharded:
            return super().clip(trained, largest)
        grads = [p.grad for p in trained if p.grad is not None]
        squares = gathered({str(i): g.square().sum() for i, g in enumerate(grads)})
        norm = torch.stack(list(squares.values())).sum().sqrt()
        for grad in grads:
            grad.mul_((largest / (norm + 1e-6)).clamp(max=1.0).item())
        return float(norm)

    def means(self, values: dict[str, float]) -> dict[str, float]:
        """One exchange for all numbers."""
        mine = torch.tensor(list(values.values()), device=self.device)
        summed: Tensor = self._accelerator.reduce(mine, "mean")
        return dict(zip(values, summed.tolist(), strict=True))

    def most(self, value: int) -> int:
        """One exchange."""
        mine = torch.tensor([value], device=self.device)
        return int(self._accelerator.gather(mine).max())

    def wait(self) -> None:
        """A barrier."""
        self._accelerator.wait_for_everyone()


def assemble(device: str = "auto", sharded: bool = False) -> Team:
    """The team that this process belongs to.

    Raises:
        UserError: `sharded` for one process alone, no such device, or `accelerate launch` that
            is to train in a way of its own.
        MissingExtraError: several processes without the extra `train`.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        for way in OTHER_WAYS:
            if os.environ.get(f"ACCELERATE_USE_{way}", "false").lower() == "true":
                raise UserError(
                    f"expected `accelerate launch` to start processes and no more, got {way} from "
                    "its configuration; use torchrun, with --shard to split the network over them"
                )
        return Accelerated(device, sharded)
    if sharded:
        raise UserError(
            "expected several processes to shard a network over, got one; start it with "
            "torchrun --nproc-per-node=N --no-python kinecast train ... --shard"
        )
    return Team(devices.resolve(device))


def passes_of(batch: int, team: Team, micro: int | None) -> int:
    """Passes of gradient accumulation in a step of `batch` clips, `micro` of them at a time.

    `schedule.check_batches` has seen that they divide.
    """
    return batch // (team.count * (micro or batch // team.count))


def gathered(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors of what may be split; every process must call it."""
    return {k: v.full_tensor() if isinstance(v, DTensor) else v for k, v in tensors.items()}


def like(tensor: Tensor, other: Tensor) -> Tensor:
    """A whole tensor, split as `other` is."""
    if not isinstance(other, DTensor):
        return tensor
    return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements)


def split_like(tensors: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Whole tensors by name, each split as the module's tensor of that name is."""
    state = module.state_dict()
    return {name: like(value, state[name]) for name, value in tensors.items()}
