"""What is read is what `net(x)` computes, or it is refused by name."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from robustcore import LpBall, ReLUNetwork, bounds
from robustcore.bounds import faithful
from robustcore.errors import InputError, UnsupportedLayerError
from robustcore.evaluation import certified
from robustcore.networks import Scaler, affine_layers


def plain(bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 6, bias), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)
    )


class Skip(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Called(nn.Linear):
    def __call__(self, x):
        return -super().__call__(x)


class Leaky(nn.ReLU):
    def forward(self, x):
        return nn.functional.leaky_relu(x)


class Weightless(nn.Linear):
    @property
    def weight(self):
        return self.bias[:, None] * torch.ones(6)


class Shifted(Scaler):
    def forward(self, x):
        return super().forward(x) + 1


class Backwards(ReLUNetwork):
    def forward(self, x):
        return -super().forward(x)


class Twice(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, 2 * weight, bias)


class Lucky(nn.Sequential):
    def __iter__(self):
        return iter([super().__getitem__(0)])


class Mixin:
    def forward(self, x):
        return super().forward(x).abs()


class Mixed(Mixin, nn.Linear):
    pass


def changed(change):
    net = plain()
    returned = change(net)
    return net if returned is None else returned


def put(net, at, module):
    net[at] = module


def of_instance(net):
    net[2].forward = lambda x: 2 * x


def pre_hook(net):
    net[2].register_forward_pre_hook(lambda module, x: (2 * x[0],))


def on_the_whole(net):
    net.register_forward_hook(lambda module, x, z: -z)


def with_weight(dtype):
    def change(net):
        return net.to(dtype)

    return change


def not_a_number(net):
    with torch.no_grad():
        net[0].weight[0, 0] = torch.nan


def hidden_infinity(net):  # an infinite weight behind a dead neuron is no part of net(x)
    with torch.no_grad():
        net[0].bias[0] = -torch.inf


class Sub(torch.Tensor):
    pass


def tensor_subclass(net):
    net[2].weight = nn.Parameter(net[2].weight.detach().as_subclass(Sub))


REFUSED = {
    "a call of one's own": (
        lambda net: put(net, 2, Called(6, 6)),
        "Called is a Linear with __call__",
    ),
    "a weight of one's own": (lambda net: put(net, 4, Weightless(6, 3)), "with weight of its own"),
    "a mixin": (lambda net: put(net, 2, Mixed(6, 6)), "no bound is implemented for abs"),
    "an order of one's own": (lambda net: Lucky(*net), "Lucky is a Sequential with __iter__"),
    "a forward of the instance": (of_instance, "Linear is a Linear with forward"),
    "a forward pre-hook": (pre_hook, "has a forward hook"),
    "a hook on the whole": (on_the_whole, "Sequential has a forward hook"),
    "weight norm": (
        lambda net: put(net, 2, parametrizations.weight_norm(nn.Linear(6, 6))),
        "remove_parametrizations",
    ),
    "spectral norm": (
        lambda net: put(net, 2, parametrizations.spectral_norm(nn.Linear(6, 6))),
        "remove_parametrizations",
    ),
    "orthogonal": (
        lambda net: put(net, 2, parametrizations.orthogonal(nn.Linear(6, 6))),
        "remove_parametrizations",
    ),
    "old spectral norm": (
        lambda net: put(net, 2, nn.utils.spectral_norm(nn.Linear(6, 6))),
        "remove_spectral_norm",
    ),
    "pruned": (
        lambda net: put(net, 2, prune.l1_unstructured(nn.Linear(6, 6), "weight", 0.5)),
        "prune.remove",
    ),
    "lazy": (lambda net: put(net, 2, nn.LazyLinear(6)), "LazyLinear|forward hook"),
    "dropout in training": (
        lambda net: put(net, 3, nn.Sequential(nn.ReLU(), nn.Dropout(0.5))),
        r"net.eval\(\)",
    ),
    "data parallel": (lambda net: nn.DataParallel(net), "no bound is implemented for DataParallel"),
    "compiled": (lambda net: torch.compile(net), "no bound is implemented for OptimizedModule"),
    "compiled in place": (lambda net: net.compile(), "compiled in place"),
    "traced": (lambda net: torch.jit.trace(net, torch.zeros(1, 4)), "no bound is implemented for"),
    "bfloat16": (with_weight(torch.bfloat16), "must be float32 or float64, got torch.bfloat16"),
    "half": (with_weight(torch.float16), "must be float32 or float64"),
    "complex": (lambda net: net[2].to(torch.complex64), "dense real tensor"),
    "meta": (lambda net: net.to("meta"), "got meta"),
    "not a number": (not_a_number, "weight of Linear must be finite"),
    "an infinity that no sample shows": (hidden_infinity, "bias of Linear must be finite"),
    "a tensor subclass": (tensor_subclass, "must be a plain tensor, got Sub"),
    "a layer missing": (lambda net: net._modules.__setitem__("2", None), "NoneType"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_plain_is_refused_in_one_sentence(name):
    change, message = REFUSED[name]
    net = changed(change)
    if name == "complex":
        net = plain()
        net[2] = net[2].to(torch.complex64)
    x, y = torch.randn(5, 4), torch.zeros(5, dtype=torch.long)
    with pytest.raises(UnsupportedLayerError, match=message) as caught:
        certified(net, x, y, LpBall(1, 0.01))
    assert "\n" not in str(caught.value)
    with pytest.raises(UnsupportedLayerError):
        affine_layers(net)


class Named(nn.Sequential):
    """A subclass that changes no answer."""

    def __init__(self):
        super().__init__(*plain())
        self.width = 6

    def extra_repr(self):
        return "mine"

    def sizes(self):
        return self.width


def shared():
    one = nn.Linear(6, 6)
    return nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), one, nn.ReLU(), one, nn.ReLU(), nn.Linear(6, 3)
    )


def frozen_norm():
    net = plain()
    net[2] = nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(6, 6)))
    prune.random_unstructured(net[4], "weight", 0.5)
    prune.remove(net[4], "weight")
    return net


def initialised_lazily():
    net = nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3))
    net(torch.zeros(1, 4))
    return net


def watched():
    net = plain()
    net[0].register_full_backward_hook(lambda *given: None)
    return net


def with_own(at, make):
    net = plain()
    net[at] = make()
    return net


READ = {
    "a subclass that changes nothing": Named,
    "one layer used twice": shared,
    "norms made final": frozen_norm,
    "no bias": lambda: plain(bias=False),
    "lazy, after a call": initialised_lazily,
    "a backward hook": watched,
    "dropout that never drops": lambda: nn.Sequential(
        *plain()[:4], nn.Dropout(0.0), nn.Linear(6, 3)
    ),
    "dropout in evaluation": lambda: nn.Sequential(nn.Dropout(0.5), *plain()).eval(),
    "in place": lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)),
    "nested": lambda: nn.Sequential(nn.Sequential(), nn.Sequential(plain()[:3]), nn.Linear(6, 3)),
    "a copy": lambda: copy.deepcopy(plain()),
    "a skip connection": lambda: with_own(2, lambda: Skip(nn.Linear(6, 6))),
    "a linear of one's own": lambda: with_own(2, lambda: Doubled(6, 6)),
    "a ReLU of one's own": lambda: with_own(1, Leaky),
    "a scaler of one's own": lambda: nn.Sequential(
        Shifted(torch.zeros(4), torch.ones(4)), *plain()
    ),
    "a network of one's own": lambda: Backwards([4, 5, 3]),
    "of symbols": lambda: torch.fx.symbolic_trace(plain()),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", READ)
def test_what_is_plain_is_read_as_it_answers(name, dtype):
    torch.manual_seed(1)
    net = READ[name]().to(dtype)
    x = torch.randn(40, 4, dtype=dtype)
    z = net(x)
    y = z.argmax(dim=1)
    gaps = bounds.rub(net, x.double(), y, LpBall(1, 0.0))
    clean = (z - z.gather(1, y[:, None])).double()
    assert torch.allclose(gaps, clean, atol=1e-5 if dtype == torch.float32 else 1e-12, rtol=0)
    proved = certified(net, x, (y + 1) % 3, LpBall(1, 0.01))
    assert not proved.any()


def test_no_certificate_survives_what_any_hook_can_do():
    net = plain()
    x = torch.randn(50, 4)
    y = net(x).argmax(dim=1)
    assert certified(net, x, y, LpBall(1, 1e-3)).any()
    handle = torch.nn.modules.module.register_module_forward_hook(lambda module, x, z: -z)
    try:
        with pytest.raises(UnsupportedLayerError, match="registered for all modules"):
            certified(net, x, y, LpBall(1, 1e-3))
    finally:
        handle.remove()
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(InputError, match="autocast"):
        certified(net, x, y, LpBall(1, 1e-3))


@pytest.mark.parametrize(
    "technique", ["rub", "rub_top", "arub", "crown", "ibp", "coap", "split", "rub_any", "exact",
                  "rub_optimised", "tightest", "rounding"],
)  # fmt: skip
def test_every_bound_compares_itself_with_the_network(monkeypatch, technique):
    """A function of torch's is replaced: no class shows it, numbers do."""
    net = plain()
    x = torch.randn(3, 4)
    y = torch.zeros(3, dtype=torch.long)
    getattr(bounds, technique)(net, x.double(), y, LpBall(1, 0.1))
    linear = nn.functional.linear
    monkeypatch.setattr(nn.functional, "linear", lambda x, W, b=None: linear(x, W, b) * (1 + 1e-4))
    with pytest.raises(UnsupportedLayerError, match="more than rounding apart"):
        getattr(bounds, technique)(net, x.double(), y, LpBall(1, 0.1))


@pytest.mark.parametrize("by", [1e-4, -1e-4])
@pytest.mark.parametrize("sample", [0, 255, 256, 299])
def test_one_output_of_one_sample_is_enough_to_be_refused(monkeypatch, by, sample):
    """Too high or too low, in whichever of the parts that the network answers at once."""
    net = plain()
    x, y = torch.randn(300, 4), torch.zeros(300, dtype=torch.long)
    truthful = faithful.answer

    def off(net, inputs):
        z = truthful(net, inputs).clone()
        z[(inputs == x[sample]).all(dim=1), 1] += by
        return z

    monkeypatch.setattr(faithful, "answer", off)
    said = f"at output 1 of sample {sample}, .* more than rounding apart"
    with torch.no_grad(), pytest.raises(UnsupportedLayerError, match=said):
        bounds.ibp(net, x.double(), y, LpBall(1, 0.1))


def test_a_class_that_is_changed_after_import_is_refused(monkeypatch):
    net = plain()
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: nn.functional.gelu(x))
    with pytest.raises(UnsupportedLayerError, match="class ReLU was changed"):
        affine_layers(net)


def test_a_network_that_does_not_run_is_refused():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3, dtype=torch.float64))
    x, y = torch.randn(2, 4), torch.zeros(2, dtype=torch.long)
    with pytest.raises(InputError, match="does not take x of shape"):
        bounds.rub(net, x, y, LpBall(1, 0.1))
    images = nn.Sequential(nn.Linear(6, 3))
    with pytest.raises(InputError, match=r"must give logits .* got shape \(2, 1, 3\)"):
        bounds.rub(images, torch.randn(2, 1, 6), y, LpBall(1, 0.1))


def test_nothing_is_compared_where_no_number_can_be_seen():
    net = plain().double()
    x, y = torch.randn(4, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def total(parameters):
        def forward(x):
            return bounds.ibp(net, x, y, LpBall(1, 0.1)).sum()

        net_ = nn.Module()
        net_.net = net
        net_.forward = forward
        return torch.func.functional_call(
            net_, {f"net.{name}": p for name, p in parameters.items()}, (x,)
        )

    found = torch.func.grad(total)(parameters)
    bounds.ibp(net, x, y, LpBall(1, 0.1)).sum().backward()
    for name, p in net.named_parameters():
        assert torch.allclose(found[name], p.grad, atol=1e-12)
