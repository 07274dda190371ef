import Files
import FoundationEssentials

/// The distribution's libraries: the loaded versions, and whether the server still runs older ones.
struct LibraryExamination: Examination {
    let settings: Settings
    var libraries = RunningLibraries.current

    func findings() -> [Finding] { [loaded, postQuantum, running].compactMap(\.self) }

    private var loaded: Finding {
        let names = libraries.libraries.map { "\($0.name) \($0.version)" }.joined(separator: ", ")
        return .ok("system.libraries", "\(names); FIPS mode is \(libraries.isFIPSMode ? "on" : "off")")
    }

    private var postQuantum: Finding {
        .ok(
            "system.ml_kem",
            libraries.hasMLKEM
                ? "guests may bring keys for ML-KEM-768"
                : "guests' keys for ML-KEM-768 are refused: that needs OpenSSL 3.5 or later")
    }

    private var running: Finding? {
        guard let server = ServingLock.holder(of: settings.dataFolder),
            let replaced = MappedFiles(of: server)?.replaced, !replaced.isEmpty
        else { return nil }
        return .warning(
            "system.restart",
            "the server (process \(server)) runs older files than those on the disk: "
                + replaced.joined(separator: ", "), do: "restart it, so that it runs the updated files")
    }
}
