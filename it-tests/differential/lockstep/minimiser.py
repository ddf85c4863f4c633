"""Shrinks a failing scenario by leaving out operations and layers, as long as the same kind of difference stays."""


def minimise(scenario, fails, budget):
    """The smallest scenario found in `budget` runs for which `fails` still holds (delta debugging, list after list)."""
    search = _Search(fails, budget)
    while True:
        before = scenario.size()
        scenario = search.without_layers(scenario)
        for name in scenario.parts():
            scenario = search.without_operations(scenario, name)
        if scenario.size() == before or search.budget <= 0:
            return scenario


class _Search:
    def __init__(self, fails, budget):
        self._fails = fails
        self.budget = budget

    def _still_fails(self, candidate):
        self.budget -= 1
        return self._fails(candidate)

    def without_layers(self, scenario):
        for number in reversed(range(len(scenario.layers))):
            if len(scenario.layers) > (1 if scenario.upper == "fresh" else 2) and self.budget > 0:
                candidate = scenario.copy()
                del candidate.layers[number]
                if self._still_fails(candidate):
                    scenario = candidate
        return scenario

    def without_operations(self, scenario, name):
        chunk = max(len(scenario.parts()[name]) // 2, 1)
        while chunk:
            at = 0
            while at < len(scenario.parts()[name]) and self.budget > 0:
                candidate = scenario.copy()
                del candidate.parts()[name][at:at + chunk]
                if self._still_fails(candidate):
                    scenario = candidate
                else:
                    at += chunk
            chunk //= 2
        return scenario
