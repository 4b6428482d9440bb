import ShopHarness
import Testing

/// The whole shop as its processes, looked at from outside: orders go in over HTTP, SQL and Kafka tell what became of
/// them.
///
/// One shop for all, since topics have fixed names, and one test at a time, since tests stop and kill services. Each
/// test sells a product of its own, and leaves all services running and no order under way.
@Suite(
    "The shop as processes", .serialized, .runningShop,
    .compactMapIssues { issue in
        RunningShop.shared?.showLogs()
        return issue
    })
enum SystemTests {}
