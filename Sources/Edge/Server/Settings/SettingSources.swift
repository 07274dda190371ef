import Administration
import Broker
public import FoundationEssentials
import TOMLKit

extension Settings {
    /// Puts together what the command line, the environment and a file say, in this order of precedence.
    ///
    /// - Parameters:
    ///   - flags: values from the command line.
    ///   - environment: the process's; only names that start with `KBS_` count.
    ///   - file: a TOML file.
    /// - Returns: the settings, and the names in the environment that look meant for us and are not known.
    /// - Throws: ``InvalidSetting``, for an unknown key in the file too.
    public static func resolve(
        flags: [SettingKey: String], environment: [String: String], file: URL?
    ) throws -> (settings: Settings, unknownVariables: [String]) {
        var values = try file.map(readFile) ?? [:]
        var origins = values.mapValues { _ in SettingOrigin.file }
        var known: Set<String> = ["KBS_CONFIG", "KBS_URL", "KBS_TOKEN", "KBS_CA"]
        for key in SettingKey.allCases {
            known.insert(key.environmentName)
            if let value = environment[key.environmentName] { (values[key], origins[key]) = (value, .environment) }
            if let value = flags[key] { (values[key], origins[key]) = (value, .flag) }
        }
        var settings = Settings()
        settings.origins = origins
        for key in SettingKey.allCases {
            settings.texts[key.name] = key.shown(values[key] ?? key.defaultText)
            if let value = values[key] { try key.apply(value, to: &settings) }
        }
        guard settings.lifetimes.session >= settings.lifetimes.challenge else {
            // Otherwise a challenge could be answered again after its session was swept.
            throw InvalidSetting("session.lifetime must not be shorter than challenge.lifetime")
        }
        guard [0, 3].contains(settings.jwt.partsSet) else {
            throw InvalidSetting("jwt.issuer, jwt.audience and jwt.keys belong together: set all of them, or none")
        }
        _ = try settings.tls.files()
        guard settings.clientCertificates.isEmpty || settings.tls.clientAuthorities != nil else {
            throw InvalidSetting("tls.client_roles needs tls.client_ca: without it no client certificate is looked at")
        }
        let unknown = environment.keys.filter { $0.hasPrefix("KBS_") && !known.contains($0) }.sorted()
        return (settings, unknown)
    }

    private static func readFile(_ file: URL) throws -> [SettingKey: String] {
        let name = file.path(percentEncoded: false)
        let table: TOMLTable
        do {
            table = try TOMLTable(string: String(contentsOf: file, encoding: .utf8))
        } catch let error as TOMLParseError {
            throw InvalidSetting("\(name), line \(error.source.begin.line): \(error.description)")
        } catch {
            throw InvalidSetting("\(name) cannot be read: \(error.localizedDescription)")
        }
        var values: [SettingKey: String] = [:]
        for (path, value) in try flatten(table, under: "", in: name) {
            if path.hasPrefix("log.levels.") {
                // A table of levels is the list in another form.
                let level = "\(path.dropFirst("log.levels.".count))=\(value)"
                values[.logLevels] = [values[.logLevels], level].compactMap { $0 }.joined(separator: ",")
                continue
            }
            guard let key = SettingKey.named(path) else {
                throw InvalidSetting("\(name): there is no setting \"\(path)\"; docs/settings.md lists them all")
            }
            values[key] = value
        }
        return values
    }

    /// Leaves by their dotted names; an array as its elements with commas between.
    private static func flatten(_ table: TOMLTable, under prefix: String, in name: String) throws -> [(String, String)]
    {
        var leaves: [(String, String)] = []
        for key in table.keys {
            let path = prefix + key
            guard let value = table[key] else { continue }
            if let inner = value.table {
                leaves += try flatten(inner, under: path + ".", in: name)
            } else if let array = value.array {
                leaves.append((path, try array.map { try text($0, path, name) }.joined(separator: ",")))
            } else {
                leaves.append((path, try text(value, path, name)))
            }
        }
        return leaves
    }

    private static func text(_ value: any TOMLValueConvertible, _ path: String, _ name: String) throws -> String {
        if let string = value.string { return string }
        if let bool = value.bool { return "\(bool)" }
        if let int = value.int { return "\(int)" }
        throw InvalidSetting("\(name): \(path) must be text, a number, true or false")
    }
}
