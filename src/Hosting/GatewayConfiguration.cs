namespace OrleansGateway.Hosting;

/// <summary>Where settings come from.</summary>
internal static class GatewayConfiguration
{
    /// <summary>One setting a file, named as in the environment: what <c>./run</c> generates, or a container's secrets.</summary>
    private const string SettingsFolderKey = "Gateway:SettingsFolder";

    private const string SettingsFolderDefault = ".data/settings";

    /// <summary>The built-in settings → the settings folder → environment → command line; the later wins.</summary>
    public static void Fill(ConfigurationManager configuration, string[] arguments)
    {
        configuration.Sources.Clear();
        configuration.AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: false);
        configuration.AddEnvironmentVariables();
        configuration.AddCommandLine(arguments);

        var folder = Path.GetFullPath(configuration[SettingsFolderKey] ?? SettingsFolderDefault);
        configuration.Sources.Insert(1, new Microsoft.Extensions.Configuration.KeyPerFile.KeyPerFileConfigurationSource
        {
            FileProvider = Directory.Exists(folder) ? new Microsoft.Extensions.FileProviders.PhysicalFileProvider(folder) : null,
            Optional = true,
        });
    }
}
