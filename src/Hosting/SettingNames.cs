namespace OrleansGateway.Hosting;

/// <summary>How messages name a setting: as in a file, and as in the environment.</summary>
internal static class SettingNames
{
    public const string Ledger = "ConnectionStrings:Ledger";

    public static string Full(string key) => $"{key} ({key.Replace(":", "__", StringComparison.Ordinal)})";
}
