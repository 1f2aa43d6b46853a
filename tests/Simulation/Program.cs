using OrleansGateway.Tests.Simulation;
using OrleansGateway.Tests.Simulation.Running;
using Xunit.MicrosoftTestingPlatform;

// Told of seeds, it runs them; otherwise it is a test project like the others.
return args.Contains(Cli.Seeds.Name)
    ? Cli.Run(args)
    : await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
