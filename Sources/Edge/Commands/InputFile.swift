import Arguments
import Bytes
import Evidence
import Files

/// A command's input: a file, or standard input for `-`.
enum InputFile {
    /// Longest report or bundle of certificates, in bytes.
    private static let longestEvidence = 16 << 20

    static func evidence(_ file: String) throws -> [UInt8] { try File.read(file, atMost: longestEvidence) }

    /// Reads something from a file, whose name then stands in the error.
    static func reading<T>(_ file: String, _ read: ([UInt8]) throws(MalformedInput) -> T) throws -> T {
        let bytes = try evidence(file)
        do { return try read(bytes) } catch { throw MalformedInput(file, error.reason) }
    }

    static func certificates(_ file: String) throws -> [Certificate] {
        try reading(file) { bytes throws(MalformedInput) in try Certificate.read(file: bytes) }
    }

    /// Reads a document.
    static func text(_ file: String) throws -> String {
        guard let text = String(validating: try bytes(file, atMost: 1 << 20), as: UTF8.self) else {
            throw ValidationError("\(file) is not text in UTF-8.")
        }
        return text
    }

    /// Reads a secret. At a terminal it is asked for twice, without echo.
    static func secret(_ file: String, atMost limit: Int, droppingLineEnd: Bool = false) throws -> Secret {
        if file == "-", let prompt = SecretPrompt.standard() { return try prompt.ask("Secret") }
        var bytes = try bytes(file, atMost: limit)
        if droppingLineEnd {
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        }
        return Secret(wiping: &bytes)
    }

    private static func bytes(_ file: String, atMost limit: Int) throws -> [UInt8] {
        file == "-" ? try StandardStream.input.read(atMost: limit) : try File.read(file, atMost: limit)
    }
}
