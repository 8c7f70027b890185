import Balancing
import Synchronization
import Testing

@testable import TCPProxy

struct AdmissionTests {
  private func service(_ maximum: Int?) -> Service {
    let pool = Pool(name: "web", scheduler: .roundRobin, members: [], initialHealth: { _ in .up })
    var settings = Service.Settings()
    settings.maximumSessions = maximum
    return Service(
      listener: "web", counters: ListenerCounters(), destination: Destination(pool: pool), settings: settings)
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
