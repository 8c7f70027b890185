import Balancing

extension Comparison {
  /// A panel for each kind of work, with the 99th percentile of each scheduler as bars on a logarithmic scale: dark for
  /// the fewest balancers, light for the most. SVG.
  public func chart(backends: Int) -> String {
    let few = rows.map(\.scenario.balancers).min() ?? 1
    let many = rows.map(\.scenario.balancers).max() ?? 1
    let (panelWidth, panelHeight, left, row) = (420, 270, 140, 28)
    var text = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 620" font-family="sans-serif" font-size="12">
      <rect width="860" height="620" fill="#ffffff"/>
      <text x="20" y="26" font-size="15">99th percentile in milliseconds, \(backends) backends (logarithmic)</text>
      <rect x="20" y="38" width="12" height="12" fill="#1f5f8b"/><text x="38" y="48">\(few) balancer</text>
      <rect x="130" y="38" width="12" height="12" fill="#8fc1e3"/><text x="148" y="48">\(many) balancers</text>

      """
    let greatest = rows.filter { $0.scenario.backends == backends }.map(\.outcome.p99).max() ?? 1
    func width(_ value: Double) -> Int {
      let share = Draw.naturalLogarithm(max(value, 1)) / Draw.naturalLogarithm(max(greatest, 2))
      return Int((share * Double(panelWidth - left - 60)).rounded())
    }
    for (index, workload) in Scenario.Workload.allCases.enumerated() {
      let (x, y) = (20 + index % 2 * panelWidth, 70 + index / 2 * panelHeight)
      text += "<text x=\"\(x)\" y=\"\(y + 16)\" font-weight=\"bold\">\(workload)</text>\n"
      for (place, scheduler) in SchedulerKind.allCases.enumerated() {
        let top = y + 30 + place * row
        text += "<text x=\"\(x + left - 8)\" y=\"\(top + 16)\" text-anchor=\"end\">\(scheduler)</text>\n"
        for (offset, balancers, colour) in [(0, few, "#1f5f8b"), (11, many, "#8fc1e3")] {
          guard let outcome = outcome(workload, backends, balancers, scheduler) else { continue }
          let length = width(outcome.p99)
          text +=
            "<rect x=\"\(x + left)\" y=\"\(top + offset)\" width=\"\(length)\" height=\"10\" fill=\"\(colour)\"/>"
            + "<text x=\"\(x + left + length + 4)\" y=\"\(top + offset + 9)\" font-size=\"10\">\(outcome.p99.short)</text>\n"
        }
      }
    }
    return text + "</svg>\n"
  }
}
