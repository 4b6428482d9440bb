import Foundation

/// Input that nobody meant: random bytes, and JSON with a few things wrong.
///
/// All of it comes from a seed, so that what a test has found once it finds again.
package enum Mutation {
    /// Up to `bytesMax` random bytes.
    package static func noise(
        upTo bytesMax: Int, using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        (0..<Int.random(in: 0...bytesMax, using: &generator)).map { _ in
            UInt8.random(in: 0...255, using: &generator)
        }
    }

    /// The bytes with one to four of them changed, left out, put in or repeated.
    package static func bytes(
        _ original: [UInt8], using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 0...8, using: &generator))
            switch Int.random(in: 0..<4, using: &generator) {
            case 0 where place < bytes.count: bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: noise(upTo: 8, using: &generator), at: place)
            default: bytes.insert(contentsOf: bytes[place..<end], at: place)
            }
        }
        return bytes
    }

    /// The JSON with one to three of its values changed for another, left out or put in again under another name.
    package static func json(
        _ original: [UInt8], using generator: inout some RandomNumberGenerator
    ) throws -> [UInt8] {
        var value = try JSONSerialization.jsonObject(with: Data(original), options: [.fragmentsAllowed])
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            value = changed(value, using: &generator)
        }
        return try [UInt8](JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed]))
    }

    private static func changed(_ value: Any, using generator: inout some RandomNumberGenerator) -> Any {
        if var object = value as? [String: Any],
            let key = object.keys.sorted().randomElement(using: &generator)
        {
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: object[key] = nil
            case 1: object[key + "\u{301}"] = object[key]
            case 2: object[key] = strange(using: &generator)
            default: object[key] = object[key].map { changed($0, using: &generator) }
            }
            return object
        }
        if var list = value as? [Any], !list.isEmpty {
            let place = Int.random(in: 0..<list.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: list.remove(at: place)
            case 1: list += Array(repeating: list[place], count: Int.random(in: 1...30, using: &generator))
            default: list[place] = changed(list[place], using: &generator)
            }
            return list
        }
        return strange(using: &generator)
    }

    /// What programs trip over.
    private static func strange(using generator: inout some RandomNumberGenerator) -> Any {
        let values: [Any] = [
            NSNull(), true, -1, 0, Int64.max, Int64.min, UInt64.max, 1.5, 1e308, -0.0, "", " ", "\u{0}",
            "\r\n",
            "e\u{301}\u{200D}\u{1F468}", String(repeating: "a", count: 300), [Any](), [String: Any](),
            [[[[1]]]], ["amount": "1"], "01890a5d-ac96-774b-bcce-b302099a8057", "2026-02-31T25:61:61Z",
            "4242424242424242", "a@b", "\u{FFFD}", Int64.random(in: Int64.min...Int64.max, using: &generator),
        ]
        return values.randomElement(using: &generator) ?? NSNull()
    }
}
