"""The samples of a run, and what is said of them: medians over the rounds."""

import statistics


class Results:
  def __init__(self):
    self.samples = {}

  def add(self, workload, proxy, sample):
    self.samples.setdefault(workload.key, {}).setdefault(proxy.title, []).append(sample)

  def of(self, workload, title):
    return self.samples.get(workload.key, {}).get(title, [])

  def median(self, workload, title, field="cost"):
    """None where the workload has no such figure."""
    values = [getattr(sample, field) for sample in self.of(workload, title)]
    return None if not values or None in values else statistics.median(values)

  def spread(self, workload, title):
    costs = [sample.cost for sample in self.of(workload, title)]
    return min(costs), max(costs)

  def failed(self, workload, title):
    return sum(sample.failed for sample in self.of(workload, title))

  def disturbed(self, workload):
    """The median share of the proxy's processor that went to other programs."""
    return statistics.median(sample.disturbed for samples in self.samples[workload.key].values() for sample in samples)

  def ratios(self, workload, title, others):
    """Costs against those of the cheapest of other proxies, round by round: what disturbs a round disturbs all."""
    rounds = zip(self.of(workload, title), *(self.of(workload, other) for other in others))
    pairs = [(mine.cost, min(other.cost for other in theirs)) for mine, *theirs in rounds]
    return [mine / theirs for mine, theirs in pairs if theirs > 0]

  def ratio(self, workload, title, others):
    ratios = self.ratios(workload, title, others)
    return statistics.median(ratios) if ratios else None

  def verdict(self, workload, title):
    """Whether the workload's target is met; None where it cannot be said. Failed requests meet none."""
    if workload.target is None:
      return None
    if self.failed(workload, title):
      return False
    if workload.target.is_ratio:
      value = self.ratio(workload, title, workload.reference)
    else:
      value = self.median(workload, title)
    return None if value is None else value <= workload.target.most
