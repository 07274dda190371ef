import Foundation
import TestSupport

/// The real `kbs-guest`, with the shim under it that stands in for the kernel.
enum GuestProgram {
    /// Compiled once, with the compiler that comes with Swift.
    private static let shim = Task {
        let folder = try TemporaryFolder()
        let library = folder.file("shim.so")
        let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "DeviceShim.c")
        let built = try await ProgramResult.of(
            "clang", ["-shared", "-fPIC", "-Wall", "-Werror", "-o", library.path, source.path])
        guard built.status == 0 else { throw Unbuilt(description: built.errors) }
        return (folder, library)
    }

    struct Unbuilt: Error, CustomStringConvertible { let description: String }

    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> ProgramResult {
        let (folder, library) = try await shim.value
        defer { _ = folder }
        return try await ProgramResult.of(
            Programs.built("kbs-guest"), arguments,
            environment: environment.merging(["LD_PRELOAD": library.path]) { $1 })
    }
}
