import Foundation
import TestSupport

/// The real `kbs guest`, with the shim under it that stands in for the kernel.
enum GuestProgram {
    struct Result {
        let status: Int32
        let output: [UInt8]
        let errors: String

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    private static let kbs: URL = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: tests).deletingLastPathComponent().appending(path: "kbs")
    }()

    /// Compiled once, with the compiler that comes with Swift.
    private static let shim = Task {
        let folder = try TemporaryFolder()
        let library = folder.file("shim.so")
        let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "DeviceShim.c")
        let built = try await run(
            URL(filePath: "/usr/bin/env"),
            ["clang", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library.path, source.path])
        guard built.status == 0 else { throw Unbuilt(description: built.errors) }
        return (folder, library)
    }

    struct Unbuilt: Error, CustomStringConvertible { let description: String }

    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Result {
        let (folder, library) = try await shim.value
        defer { _ = folder }
        return try await run(
            kbs, ["guest"] + arguments, environment: environment.merging(["LD_PRELOAD": library.path]) { $1 })
    }

    static func run(
        _ program: URL, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> Result {
        let folder = try TemporaryFolder()
        let (out, err) = (folder.file("out"), folder.file("err"))
        for file in [out, err] { try Data().write(to: file) }
        var plan = SpawnedProcess.Plan(program, arguments)
        plan.environment.merge(environment) { $1 }
        plan.output = try FileHandle(forWritingTo: out)
        plan.errors = try FileHandle(forWritingTo: err)
        let status = try await SpawnedProcess.run(plan)
        return Result(
            status: status, output: Array(try Data(contentsOf: out)),
            errors: String(decoding: try Data(contentsOf: err), as: UTF8.self))
    }
}
