namespace OrleansGateway.Hosting.Cluster;

/// <summary>What the three files of a cluster's TLS hold at one moment. Two that hold the same are equal.</summary>
internal sealed record ClusterPem(string Certificate, string Key, string Authority)
{
    /// <summary>Reads them.</summary>
    /// <returns>Null if one can't be; the problems say which.</returns>
    public static ClusterPem? Read(ClusterSettings settings, SettingProblems problems)
    {
        var certificate = ReadFile(nameof(settings.Certificate), settings.Certificate, problems);
        var key = ReadFile(nameof(settings.CertificateKey), settings.CertificateKey, problems);
        var authority = ReadFile(nameof(settings.CertificateAuthority), settings.CertificateAuthority, problems);
        return certificate is null || key is null || authority is null ? null : new ClusterPem(certificate, key, authority);
    }

    /// <summary>Reads the file that a setting names.</summary>
    /// <returns>Null if it can't be; the problems say why.</returns>
    public static string? ReadFile(string setting, string path, SettingProblems problems)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problems.Add(setting, $"names a file that cannot be read: {exception.Message}");
            return null;
        }
    }

    /// <summary>Never the key.</summary>
    public override string ToString() => "(certificate, key, authority)";
}
