using System.Globalization;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Hosting.Cluster;

namespace OrleansGateway.Hosting;

/// <summary>What the hosts of all programs have in common: settings, log, clock, the clients' port.</summary>
internal static class HostBuilding
{
    /// <summary>What a stop may take after running requests had their time: settlements, giving back, closing.</summary>
    public static readonly TimeSpan StopMargin = TimeSpan.FromSeconds(25);

    /// <summary>A web host with the clients' port, without services of its own yet.</summary>
    public static WebApplicationBuilder CreateWeb(string[] arguments)
    {
        // The builder's own settings files are dropped below; it would go on watching the folder for them.
        string[] watchingNothing = ["--hostBuilder:reloadConfigOnChange=false"];
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, Args = watchingNothing });
        GatewayConfiguration.Fill(builder.Configuration, arguments);
        builder.AddCommon(servesClients: true);
        builder.Services.AddHostedService<ClientPort>();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.UseUrls([.. SettingProblems.SplitUrls(Urls(builder.Configuration))]);
        return builder;
    }

    /// <summary>A host without a port for clients.</summary>
    public static HostApplicationBuilder Create(string[] arguments)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        GatewayConfiguration.Fill(builder.Configuration, arguments);
        builder.AddCommon(servesClients: false);
        return builder;
    }

    /// <summary>Whether there is a port for clients: on one machine always, in a cluster where the settings name one.</summary>
    public static bool ServesClients(string[] arguments)
    {
        var configuration = new ConfigurationManager();
        GatewayConfiguration.Fill(configuration, arguments);
        return ClusterSettings.ModeIn(configuration) == ClusterMode.Single || Urls(configuration).Length > 0;
    }

    /// <summary>Options with their checks, the log, the clock, metrics.</summary>
    public static void AddCommon(this IHostApplicationBuilder builder, bool servesClients)
    {
        builder.Logging.ClearProviders();
        foreach (var level in builder.Configuration.GetSection("Logging:LogLevel").GetChildren())
        {
            if (!Enum.TryParse<LogLevel>(level.Value, ignoreCase: true, out _))
            {
                throw new StartUpException($"{SettingNames.Full(level.Path)} is '{level.Value}'; it must be one of {string.Join(", ", Enum.GetNames<LogLevel>())}.");
            }
        }

        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>();
        builder.Logging.AddConsole(console => console.FormatterName = LineFormatter.FormatterName);
        builder.Services.AddMetrics();
        builder.Services.AddSettings<GatewayOptions>(builder.Configuration.GetSection(GatewayOptions.Section));
        builder.Services.AddSettings<TelemetryOptions>(builder.Configuration.GetSection(TelemetryOptions.Section));
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>>(new GatewayOptionsValidator(servesClients));
        builder.Services.AddSingleton<IValidateOptions<TelemetryOptions>, TelemetryOptionsValidator>();

        // Not from the options: the host asks for it before they are checked.
        _ = int.TryParse(
            builder.Configuration[$"{GatewayOptions.Section}:{nameof(GatewayOptions.StopSeconds)}"], CultureInfo.InvariantCulture, out var stopSeconds);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(stopSeconds) + StopMargin);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(RandomSource.Secure);
        builder.Services.AddSingleton<EnvironmentVariables>(Environment.GetEnvironmentVariable);
        builder.Services.AddSingleton<ClientConnections>();
        builder.Services.AddSingleton<Readiness>();
    }

    /// <summary>
    /// Has ASP.NET's hosting log nothing of requests. It logs whole URLs: Gemini's clients may have the key in theirs, and mailed links their
    /// tokens. Where it may log anything at all, every request gets an activity, which nobody reads unless traces are collected; failures are
    /// logged by the relay, the site and the server.
    /// </summary>
    public static void AddSilentRequests(this IServiceCollection services) =>
        services.AddLogging(static logging => logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None));

    public static void AddTelemetry(this IHostApplicationBuilder builder) => builder.Services.AddHostedService<Telemetry>();

    /// <summary>What keys are signed with, from the settings.</summary>
    public static void AddSigningSecrets(this IHostApplicationBuilder builder) => builder.Services.AddSingleton(provider =>
        SigningSecrets.TryParse(provider.GetRequiredService<IOptions<GatewayOptions>>().Value.SigningSecrets, out var secrets)
            ? secrets
            : throw new InvalidOperationException("The signing secrets are checked at start."));

    /// <summary>
    /// What encrypts what the gateway stores encrypted. Asking for it where no secret is set fails with the setting's name.
    /// </summary>
    public static void AddEncryptionSecrets(this IHostApplicationBuilder builder) => builder.Services.AddSingleton(provider =>
        EncryptionSecrets.TryParse(provider.GetRequiredService<IOptions<GatewayOptions>>().Value.EncryptionSecrets, out var secrets)
            ? secrets
            : throw new StartUpException(
                $"{SettingNames.Full($"{GatewayOptions.Section}:{nameof(GatewayOptions.EncryptionSecrets)}:0")} is missing: "
                + $"at least {SecretText.MinBytes} random bytes, as base64 or hex."));

    private static string Urls(ConfigurationManager configuration) =>
        configuration[$"{GatewayOptions.Section}:{nameof(GatewayOptions.Urls)}"] ?? "";
}
