using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Hosting;

/// <summary>What the hosts of all programs have in common: settings, log, clock, the clients' port.</summary>
internal static class HostBuilding
{
    /// <summary>What a stop may take after running requests had their time: settlements, giving back, closing.</summary>
    private static readonly TimeSpan StopMargin = TimeSpan.FromSeconds(25);

    /// <summary>A web host with the clients' port, without services of its own yet.</summary>
    public static WebApplicationBuilder CreateWeb(string[] arguments)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        GatewayConfiguration.Fill(builder.Configuration, arguments);
        builder.AddCommon(servesClients: true);
        builder.Services.AddSingleton<IConfigureOptions<KestrelServerOptions>, ClientConnections.Tracking>();
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

    /// <summary>Whether the settings name a port for clients.</summary>
    public static bool ServesClients(string[] arguments)
    {
        var configuration = new ConfigurationManager();
        GatewayConfiguration.Fill(configuration, arguments);
        return Urls(configuration).Length > 0;
    }

    /// <summary>Options with their checks, the log, the clock, metrics.</summary>
    public static void AddCommon(this IHostApplicationBuilder builder, bool servesClients)
    {
        builder.Logging.ClearProviders();
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddConsoleFormatter<LineFormatter, ConsoleFormatterOptions>();
        builder.Logging.AddConsole(console => console.FormatterName = LineFormatter.FormatterName);
        builder.Services.AddMetrics();
        builder.Services.AddOptions<GatewayOptions>().Bind(builder.Configuration.GetSection(GatewayOptions.Section)).ValidateOnStart();
        builder.Services.AddOptions<TelemetryOptions>().Bind(builder.Configuration.GetSection(TelemetryOptions.Section)).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>>(new GatewayOptionsValidator(servesClients));
        builder.Services.AddSingleton<IValidateOptions<TelemetryOptions>, TelemetryOptionsValidator>();

        // Not from the options: the host asks for it before they are checked.
        var stop = TimeSpan.FromSeconds(builder.Configuration.GetValue<int>($"{GatewayOptions.Section}:{nameof(GatewayOptions.StopSeconds)}"));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = stop + StopMargin);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(RandomSource.Secure);
        builder.Services.AddSingleton<EnvironmentVariables>(Environment.GetEnvironmentVariable);
        builder.Services.AddSingleton<ClientConnections>();
        builder.Services.AddSingleton<Readiness>();
    }

    public static void AddTelemetry(this IHostApplicationBuilder builder) => builder.Services.AddHostedService<Telemetry>();

    /// <summary>What keys are signed with, from the settings.</summary>
    public static void AddSigningSecret(this IHostApplicationBuilder builder) => builder.Services.AddSingleton(provider =>
        SigningSecret.TryParse(provider.GetRequiredService<IOptions<GatewayOptions>>().Value.SigningSecret, out var secret)
            ? secret
            : throw new InvalidOperationException("The signing secret is checked at start."));

    private static string Urls(ConfigurationManager configuration) =>
        configuration[$"{GatewayOptions.Section}:{nameof(GatewayOptions.Urls)}"] ?? "";
}
