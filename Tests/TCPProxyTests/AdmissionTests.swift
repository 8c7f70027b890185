import Balancing
import Synchronization
import Testing

@testable import TCPProxy

struct AdmissionTests {
  private func service(_ maximum: Int?) -> Service {
    Service(
      listener: "web", pool: Pool(name: "web", scheduler: .roundRobin, members: [], initialHealth: { _ in .up }),
      counters: ListenerCounters(), maximumSessions: maximum, retries: 0, connect: .seconds(1), idle: nil,
      wait: .seconds(1))
  }

  @Test
  func limitsHoldToTheLastPlace() {
    let admission = Admission(maximum: 3)
    let narrow = service(2)
    let wide = service(nil)
    #expect(admission.admit(narrow) == .admitted)
    #expect(admission.admit(narrow) == .admitted)
    #expect(admission.admit(narrow) == .listenerFull)
    #expect(admission.admit(wide) == .admitted)
    #expect(admission.admit(wide) == .full)
    #expect(!admission.leave(narrow))
    #expect(admission.admit(wide) == .admitted)
    #expect(narrow.counters.sessions.load(ordering: .relaxed) == 1)
    #expect(wide.counters.sessions.load(ordering: .relaxed) == 2)
    #expect(admission.sessions.load(ordering: .relaxed) == 3)
  }

  @Test
  func whoLeavesLearnsOnceThatSomebodyWaits() {
    let admission = Admission(maximum: 10)
    let service = service(1)
    #expect(admission.admit(service) == .admitted)
    service.counters.paused.store(true, ordering: .releasing)
    #expect(admission.leave(service))
    #expect(admission.admit(service) == .admitted)
    #expect(!admission.leave(service))
  }
}
