import Testing

@testable import Balancing

@Suite struct RetryBudgetTests {
  private func room(running: Int, percent: Int) -> Int {
    let budget = RetryBudget()
    while budget.count < 1000, budget.begin(running: running, percent: percent) {}
    return budget.count
  }

  @Test(arguments: [
    (0, 20, 3), (10, 20, 3), (15, 20, 3), (20, 20, 4), (100, 20, 20), (104, 20, 20), (100, 0, 3), (100, 100, 100),
    (-5, 20, 3), (100, -1, 3), (.max, 100, 1000), (.max, .max, 1000),
  ])
  func allowsTheShareAndAlwaysAFew(running: Int, percent: Int, expected: Int) {
    #expect(room(running: running, percent: percent) == expected)
  }

  @Test func anEndedRetryMakesRoom() {
    let budget = RetryBudget()
    for _ in 0..<3 { #expect(budget.begin(running: 0, percent: 20)) }
    #expect(!budget.begin(running: 0, percent: 20))
    budget.end()
    #expect(budget.begin(running: 0, percent: 20))
    // Less runs than before: those under way go on, and no new one begins.
    #expect(!budget.begin(running: 15, percent: 20))
    #expect(budget.count == 3)
  }

  @Test func workersNeverExceedItTogether() async {
    let budget = RetryBudget()
    let most = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          var most = 0
          for _ in 0..<20_000 where budget.begin(running: 25, percent: 20) {
            // Others may be on their way back from having asked in vain.
            most = max(most, budget.count)
            budget.end()
          }
          return most
        }
      }
      return await group.reduce(0, max)
    }
    #expect(budget.count == 0)
    #expect(most <= 5 + 3)
  }
}
