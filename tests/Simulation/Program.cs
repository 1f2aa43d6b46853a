using OrleansGateway.Tests.Simulation;
using Xunit.MicrosoftTestingPlatform;

// Told of seeds, it runs them; otherwise it is a test project like the others.
return args.Contains("--seeds")
    ? Cli.Run(args)
    : await TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
