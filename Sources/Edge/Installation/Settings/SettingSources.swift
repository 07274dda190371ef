import Broker
import Bytes
import Files
import Formats
package import FoundationEssentials
import Operators

extension Settings {
    /// Combines the command line, the environment and a file, in this order of precedence.
    ///
    /// - Parameters:
    ///   - flags: values from the command line.
    ///   - environment: the process's; only variables named `KBS_…` count, and a few of other standards.
    ///   - file: a TOML file.
    /// - Returns: the settings, and the unknown variables named `KBS_…`.
    /// - Throws: ``InvalidSetting``, also for an unknown key in the file.
    package static func resolve(
        flags: [SettingKey: String], environment: [String: String], file: URL?
    ) throws -> (settings: Settings, unknownVariables: [String]) {
        var values = try file.map(readFile) ?? [:]
        var origins = values.mapValues { _ in SettingOrigin.file }
        var names: [SettingKey: String] = [:]
        var known: Set<String> = ["KBS_CONFIG", "KBS_URL", "KBS_TOKEN", "KBS_CA"]
        for key in SettingKey.allCases {
            known.insert(key.environmentName)
            // By OpenTelemetry's specification an empty variable counts as unset.
            if let name = key.otherVariable, let value = environment[name], !value.isEmpty {
                (values[key], origins[key], names[key]) = (value, .environment, name)
            }
            if let value = environment[key.environmentName] {
                (values[key], origins[key], names[key]) = (value, .environment, nil)
            }
            if let value = flags[key] { (values[key], origins[key], names[key]) = (value, .flag, nil) }
        }
        var settings = Settings()
        settings.origins = origins
        for key in SettingKey.allCases {
            settings.texts[key.name] = key.shown(values[key] ?? key.defaultText)
            if let value = values[key] { try key.apply(value, to: &settings, as: names[key]) }
        }
        guard settings.lifetimes.session >= settings.lifetimes.challenge else {
            // Otherwise a challenge could be answered again after its session was removed.
            throw InvalidSetting("session.lifetime must not be shorter than challenge.lifetime")
        }
        guard !settings.listensOnTCP || settings.listen.port == 0 || settings.guestsListen != settings.listen else {
            throw InvalidSetting(
                "guests.listen and listen are both \(settings.listen): guests alone need a port of their own")
        }
        guard [0, 3].contains(settings.jwt.partsSet) else {
            throw InvalidSetting("jwt.issuer, jwt.audience and jwt.keys belong together: set all of them, or none")
        }
        _ = try settings.tls.files()
        guard settings.clientCertificates.isEmpty || settings.tls.clientAuthorities != nil else {
            throw InvalidSetting("tls.client_roles needs tls.client_ca: without it client certificates are ignored")
        }
        let unknown = environment.keys.filter { $0.hasPrefix("KBS_") && !known.contains($0) }.sorted()
        return (settings, unknown)
    }

    private static func readFile(_ file: URL) throws -> [SettingKey: String] {
        let name = file.filePath
        let table: TOMLTable
        do { table = try TOML.read(try File.read(name, atMost: longestFile)) } catch let fault as TOMLFault {
            throw InvalidSetting("\(name), \(fault)")
        } catch {
            throw InvalidSetting("\(error)")
        }
        var values: [SettingKey: String] = [:]
        for leaf in try leaves(of: table, under: "", in: name) {
            if leaf.path.hasPrefix("log.levels.") {
                // A table of levels is another form of the list.
                let level = "\(leaf.path.dropFirst("log.levels.".count))=\(leaf.text)"
                values[.logLevels] = [values[.logLevels], level].compactMap { $0 }.joined(separator: ",")
                continue
            }
            guard let key = SettingKey.named(leaf.path) else {
                throw InvalidSetting(
                    "\(name), \(leaf.position): there is no setting \"\(leaf.path)\"; docs/settings.md lists them all")
            }
            values[key] = leaf.text
        }
        return values
    }

    /// In bytes: more than any settings file has.
    private static let longestFile = 1 << 20

    /// A setting in a file.
    private struct Leaf {
        /// Its dotted name.
        let path: String
        let text: String
        let position: TextPosition
    }

    /// The settings of a table. An array counts as its elements joined by commas.
    private static func leaves(of table: TOMLTable, under prefix: String, in name: String) throws -> [Leaf] {
        var leaves: [Leaf] = []
        for entry in table.entries {
            let path = prefix + entry.key.text
            if let inner = entry.table {
                leaves += try Self.leaves(of: inner, under: path + ".", in: name)
                continue
            }
            let values = if case .array(let elements) = entry.value { elements.map(\.value) } else { [entry.value] }
            let text = try values.map { value in
                guard let text = Self.text(value) else {
                    throw InvalidSetting("\(name), \(entry.position): \(path) must be text, a number, true or false")
                }
                return text
            }.joined(separator: ",")
            leaves.append(Leaf(path: path, text: text, position: entry.keyPosition))
        }
        return leaves
    }

    private static func text(_ value: TOMLValue) -> String? {
        switch value {
        case .text(let text): text
        case .bool(let bool): "\(bool)"
        case .integer(let number): "\(number)"
        default: nil
        }
    }
}
