import HTTP
import Observability
import TestSupport
import Testing

/// What a server counts about its requests.
@Suite("Metrics of a server", .timeLimit(.minutes(2)))
struct MetricsTests {
    private let head = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

    private func counted(
        _ routes: [Route], _ body: (RawClient) async throws -> Void
    ) async throws -> [Substring] {
        let registry = PrometheusCollectorRegistry()
        try await withServer(routes, metrics: registry) { _, client in try await body(client) }
        return MetricsText(registry).lines
    }

    @Test func `requests are counted by route, however many paths there are`() async throws {
        let route = Route(.get, "/orders/{id}") { _ in .text("here") }
        let lines = try await counted([route]) { client in
            for path in ["/orders/1", "/orders/2", "/other/1", "/other/2"] {
                _ = await client.send("GET \(path)" + head + "\r\n")
            }
            _ = await client.send("DANCE /orders/1" + head + "\r\n")
        }
        #expect(
            lines.filter { $0.hasPrefix("http_requests_total") } == [
                #"http_requests_total{method="GET",route="/orders/{id}",status="200"} 2"#,
                #"http_requests_total{method="GET",route="none",status="404"} 2"#,
                #"http_requests_total{method="OTHER",route="none",status="405"} 1"#,
            ])
        #expect(
            lines.filter { $0.hasPrefix("http_request_duration_seconds_count") } == [
                #"http_request_duration_seconds_count{method="GET",route="/orders/{id}"} 2"#
            ])
        #expect(lines.contains("http_requests_in_flight 0"))
    }

    @Test func `the time of a request ends where it only waits`() async throws {
        let route = Route(.post, "/orders") { request in
            if let wait = request.preferredWait { request.beginWait(wait) }
            try await Task.sleep(for: .milliseconds(1100))
            return .text("ended")
        }
        let lines = try await counted([route]) { client in
            _ = await client.send("POST /orders" + head + "Prefer: wait=60\r\n\r\n")
        }
        let labels = #"{method="POST",route="/orders",le="1"}"#
        #expect(lines.contains("http_request_duration_seconds_bucket\(labels) 1"))
        let slow = try await counted([route]) { client in
            _ = await client.send("POST /orders" + head + "\r\n")
        }
        #expect(slow.contains("http_request_duration_seconds_bucket\(labels) 0"))
    }

    @Test func `who waits is told apart from who is served`() async throws {
        let registry = PrometheusCollectorRegistry()
        let route = Route(.post, "/orders") { request in
            if let wait = request.preferredWait { request.beginWait(wait) }
            try? await Task.sleep(for: .seconds(60))
            return .text("ended")
        }
        try await withServer([route], metrics: registry) { server, client in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = await client.send("POST /orders" + head + "Prefer: wait=60\r\n\r\n") }
                #expect(
                    await eventually {
                        let metrics = MetricsText(registry)
                        return metrics.sum("http_requests_in_flight") == 1
                            && metrics.sum("http_requests_waiting") == 1
                    })
                await server.drain(deadline: .seconds(5))
            }
        }
    }
}
