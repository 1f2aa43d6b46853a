using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Orleans.Embedded;

/// <summary>Host set-up; the one part that is not Orleans' API.</summary>
public static class EmbeddedServiceCollectionExtensions
{
    /// <summary>Adds the engine: <see cref="IGrainFactory"/>, and the hosted service that ends all activations with the host.</summary>
    /// <remarks>Hosted services stop in the reverse of the order they were added in, so add what grains need to end before this, and
    /// what calls grains after it. Time comes from the container's <see cref="TimeProvider"/>, the system's unless one was added.</remarks>
    public static IServiceCollection AddEmbeddedGrains(this IServiceCollection services, Action<EmbeddedOptions> configure)
    {
        services.AddLogging();
        services.AddOptions<EmbeddedOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<EmbeddedOptions>, Validator>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<GrainRuntime>();
        services.TryAddSingleton<IGrainFactory>(provider => provider.GetRequiredService<GrainRuntime>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, GrainRuntime>(
            provider => provider.GetRequiredService<GrainRuntime>()));
        return services;
    }

    private sealed class Validator : IValidateOptions<EmbeddedOptions>
    {
        public ValidateOptionsResult Validate(string? name, EmbeddedOptions options) =>
            options.Validate() is { } failure
                ? ValidateOptionsResult.Fail($"{nameof(EmbeddedOptions)}: {failure}")
                : ValidateOptionsResult.Success;
    }
}
