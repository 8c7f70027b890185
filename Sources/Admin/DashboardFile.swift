/// The page at `/` and what belongs to it, compiled into the program.
enum DashboardFile: Equatable, Sendable {
  case page, style, script

  var answer: AdminAnswer {
    var answer: AdminAnswer =
      switch self {
      case .page: AdminAnswer(contentType: "text/html; charset=utf-8") { PackageResources.index_html }
      case .style: AdminAnswer(contentType: "text/css; charset=utf-8") { PackageResources.dashboard_css }
      case .script: AdminAnswer(contentType: "text/javascript; charset=utf-8") { PackageResources.dashboard_js }
      }
    answer.policy = .page
    return answer
  }
}
