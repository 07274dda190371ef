/// What this is, for status, metrics and logs.
public enum KBSVersion {
    public static let text = "0.3.0"
}
