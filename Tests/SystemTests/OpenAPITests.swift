import Foundation
import ShopHarness
import TestSupport
import Testing

/// A Python with the packages of `Tests/Fuzz/requirements.txt`.
private let python = ProcessInfo.processInfo.environment["TEST_FUZZ_PYTHON"]

extension SystemTests {
    /// Each service keeps what its OpenAPI document promises, whatever a client makes of that document.
    @Suite("OpenAPI", .enabled(if: python != nil, "Tests/Fuzz/run prepares it"))
    struct OpenAPITests {
        private let shop: RunningShop
        private let folder: URL

        /// All that hold without knowing the shop's contents.
        private static let checks = """
            not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
            response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,\
            allow_header_conformance
            """

        init() throws {
            shop = try .current
            folder = shop.folder.appendingPathComponent("openapi-\(freshWord())")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        /// Writes a service's document down, as it serves it.
        private func document(of service: ServiceName) async throws -> URL {
            let answer = try await call("GET", port: shop.port(service), "/openapi.json")
            #expect(answer.status == 200)
            let file = folder.appendingPathComponent("\(service).json")
            try Data(answer.body).write(to: file)
            return file
        }

        /// What schemathesis says of a service, which is held to `document`.
        private func fuzz(
            _ service: ServiceName, by document: URL, examples: Int, settings: String = "",
            _ more: [String] = []
        ) async throws -> (code: Int32, output: String) {
            let config = folder.appendingPathComponent("schemathesis.toml")
            try Data(settings.utf8).write(to: config)
            // It leaves a cache of what it found in the folder it runs in.
            return try await shop.run(
                "/usr/bin/env",
                [
                    "-C", folder.path, python ?? "", "-m", "schemathesis.cli", "--config-file", config.path,
                    "run", document.path,
                    "--url", "http://127.0.0.1:\(shop.port(service))", "--checks", Self.checks,
                    "--seed", "20261121", "--max-examples", "\(examples)", "--warnings", "off",
                    "--generation-database", "none", "--request-timeout", "10",
                    "--suppress-health-check", "all",
                ] + more,
                ["HOME": folder.path, "HYPOTHESIS_STORAGE_DIRECTORY": folder.path],
                within: .seconds(150))
        }

        @Test func `the documents are OpenAPI`() async throws {
            for service in ServiceName.allCases {
                let document = try await document(of: service)
                let judged = try await shop.run(
                    python ?? "", ["-m", "openapi_spec_validator", document.path])
                #expect(judged.code == 0, "\(service): \(judged.output)")
            }
        }

        @Test(arguments: ServiceName.allCases)
        func `a service answers as its document says`(service: ServiceName) async throws {
            let found = try await fuzz(service, by: document(of: service), examples: 25)
            #expect(found.code == 0, "\(service): \(found.output)")
            #expect(found.output.contains("passed"), "\(found.output)")
            try await shop.expectRest()
        }

        @Test func `an answer with everything in it is one that the document allows`() async throws {
            let sku = try await shop.sell(10)
            let order = try await shop.place(sku, wait: 20)
            try await shop.expectRest()
            for (service, name) in [
                (ServiceName.orders, "id"), (.inventory, "sku"), (.payments, "orderId"),
                (.notifications, "orderId"),
            ] {
                let value = name == "sku" ? sku : order.id
                let found = try await fuzz(
                    service, by: document(of: service), examples: 5,
                    settings: "[parameters]\n\(name) = \"\(value)\"\n",
                    ["--mode", "positive", "--include-method", "GET"])
                #expect(found.code == 0, "\(service): \(found.output)")
            }
        }

        @Test func `a document that promises too much is found out`() async throws {
            let honest = try String(contentsOf: try await document(of: .payments), encoding: .utf8)
            let file = folder.appendingPathComponent("wrong.json")
            // Of an order that nobody knows it would be something else than 404.
            let wrong = honest.replacingOccurrences(of: "\"404\"", with: "\"410\"")
            try #require(wrong != honest)
            try Data(wrong.utf8).write(to: file)
            let found = try await fuzz(.payments, by: file, examples: 5)
            #expect(found.code == 1, "\(found.output)")
            #expect(found.output.contains("Undocumented status code"), "\(found.output)")
        }
    }
}
